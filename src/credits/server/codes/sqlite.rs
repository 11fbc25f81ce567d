//! Codes in SQLite.

use async_trait::async_trait;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Campaign, CodeStore, NewCode, PlanDays, RedeemOutcome, Redemption};
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::db::{StoreError, StoreResult, to_i64};
use crate::platform::ids::{RedemptionId, UserId};
use crate::platform::secret::SecretHash;

const CODE: &str = "hash, campaign, credits, most_uses, per_user, expires_at, credits_last, created_at, plan";
const USE: &str = "id, user_id, campaign, credits, code_expires_at, credits_expire_at, at, plan";

/// [`CodeStore`] over the embedded database.
pub struct SqliteCodeStore {
    db: Sqlite,
}

impl SqliteCodeStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

fn read_plan(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<PlanDays>> {
    let plan: Option<String> = row.get(at)?;
    let read = |text: String| {
        serde_json::from_str(&text)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error)))
    };
    plan.map(read).transpose()
}

fn written(plan: Option<&PlanDays>) -> StoreResult<Option<String>> {
    let write = |plan| serde_json::to_string(plan).map_err(|error| StoreError::Corrupt(error.to_string()));
    plan.map(write).transpose()
}

fn read_code(row: &Row<'_>) -> rusqlite::Result<NewCode> {
    Ok(NewCode {
        hash: row.get(0)?,
        campaign: row.get(1)?,
        credits: row.get(2)?,
        most_uses: row.get(3)?,
        per_user: row.get(4)?,
        expires_at: row.get(5)?,
        credits_last: row.get(6)?,
        created_at: row.get(7)?,
        plan: read_plan(row, 8)?,
    })
}

fn find(connection: &Connection, code: SecretHash) -> rusqlite::Result<Option<NewCode>> {
    connection
        .prepare_cached(&format!("SELECT {CODE} FROM codes WHERE hash = ?1 AND ended = 0"))?
        .query_row([code], read_code)
        .optional()
}

fn read_use(row: &Row<'_>) -> rusqlite::Result<Redemption> {
    Ok(Redemption {
        id: row.get(0)?,
        user: row.get(1)?,
        campaign: row.get(2)?,
        credits: row.get(3)?,
        code_expires_at: row.get(4)?,
        credits_expire_at: row.get(5)?,
        at: row.get(6)?,
        plan: read_plan(row, 7)?,
    })
}

#[async_trait]
impl CodeStore for SqliteCodeStore {
    async fn add_codes(&self, codes: Vec<NewCode>) -> StoreResult<usize> {
        self.db
            .write(Durability::Durable, move |connection| {
                let mut insert = connection.prepare_cached(&format!(
                    "INSERT INTO codes ({CODE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (hash) DO NOTHING"
                ))?;
                let mut added = 0;
                for code in codes {
                    added += insert.execute(params![
                        code.hash,
                        code.campaign,
                        code.credits,
                        code.most_uses,
                        code.per_user,
                        code.expires_at,
                        code.credits_last,
                        code.created_at,
                        written(code.plan.as_ref())?,
                    ])?;
                }
                Ok(added)
            })
            .await
    }

    async fn find_code(&self, code: SecretHash) -> StoreResult<Option<NewCode>> {
        self.db.read(move |connection| Ok(find(connection, code)?)).await
    }

    async fn use_code(&self, code: SecretHash, user: UserId, at: i64) -> StoreResult<RedeemOutcome> {
        self.db
            .write(Durability::Durable, move |connection| {
                let Some(found) = find(connection, code)? else { return Ok(RedeemOutcome::Unknown) };
                let count = |sql: &str, user: Option<UserId>| -> rusqlite::Result<u32> {
                    connection.prepare_cached(sql)?.query_row(params![code, user], |row| row.get(0))
                };
                let own = count("SELECT COUNT(*) FROM code_uses WHERE code = ?1 AND user_id = ?2", Some(user))?;
                if own >= found.per_user {
                    return Ok(RedeemOutcome::Repeated);
                }
                if found.expires_at.is_some_and(|end| end <= at) {
                    return Ok(RedeemOutcome::Expired);
                }
                let place = count("SELECT COUNT(*) FROM code_uses WHERE code = ?1 AND ?2 IS NULL", None)?;
                if found.most_uses.is_some_and(|most| place >= most) {
                    return Ok(RedeemOutcome::UsedUp);
                }
                let redemption = Redemption::of(&found, user, at);
                connection
                    .prepare_cached(&format!(
                        "INSERT INTO code_uses ({USE}, code, nth, place) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
                    ))?
                    .execute(params![
                        redemption.id,
                        redemption.user,
                        redemption.campaign,
                        redemption.credits,
                        redemption.code_expires_at,
                        redemption.credits_expire_at,
                        redemption.at,
                        written(redemption.plan.as_ref())?,
                        code,
                        own,
                        place,
                    ])?;
                Ok(RedeemOutcome::Used(redemption))
            })
            .await
    }

    async fn finish_use(&self, id: RedemptionId) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection.prepare_cached("UPDATE code_uses SET posted = 1 WHERE id = ?1")?.execute([id])?;
                Ok(())
            })
            .await
    }

    async fn unfinished_uses(&self, before: i64, most: usize) -> StoreResult<Vec<Redemption>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {USE} FROM code_uses WHERE posted = 0 AND at < ?1 ORDER BY at LIMIT ?2"
                ))?;
                let rows = found.query_map(params![before, to_i64(most)], read_use)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn end_campaign(&self, campaign: &str) -> StoreResult<usize> {
        let campaign = campaign.to_owned();
        self.db
            .write(Durability::Durable, move |connection| {
                Ok(connection.prepare_cached("UPDATE codes SET ended = 1 WHERE campaign = ?1")?.execute([campaign])?)
            })
            .await
    }

    async fn campaigns(&self, now: i64) -> StoreResult<Vec<Campaign>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT c.campaign, COUNT(*), SUM(c.ended = 0 AND COALESCE(c.expires_at > ?1, 1)),
                         SUM((SELECT COUNT(*) FROM code_uses u WHERE u.code = c.hash)),
                         SUM((SELECT COALESCE(SUM(u.credits), 0) FROM code_uses u WHERE u.code = c.hash))
                     FROM codes c GROUP BY c.campaign ORDER BY c.campaign",
                )?;
                let rows = found.query_map([now], |row| {
                    Ok(Campaign {
                        name: row.get(0)?,
                        codes: row.get(1)?,
                        open: row.get(2)?,
                        uses: row.get(3)?,
                        credits: row.get(4)?,
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}
