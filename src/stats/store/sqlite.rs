//! Statistics in SQLite. What they are made of is read in the lane of what may take long.

use std::collections::HashMap;
use std::fmt::Write;

use async_trait::async_trait;
use rusqlite::{Connection, Row, ToSql, params, params_from_iter};
use uuid::Uuid;

use super::{
    AttemptFilter, Earning, EntryFilter, ListedEntry, Marks, RawEntry, RawPayment, RawReply, Source, Standing,
    StatsStore, StoredBucket, is_paid, micros_of, read_kind, read_people, read_sums, work_of, write_people, write_sums,
};
use crate::account::server::plans::Period;
use crate::credits::server::lots::{Lot, LotShare};
use crate::platform::db::sqlite::{Durability, Lane, Sqlite};
use crate::platform::db::{StoreError, StoreResult, now_millis};
use crate::platform::ids::AttemptId;
use crate::platform::work_kind::WorkKind;
use crate::stats::sums::BUCKET;
use crate::usage::Attempt;
use crate::usage::server::store::{self as usage, ATTEMPT};

/// [`StatsStore`] over the embedded database.
pub struct SqliteStatsStore {
    db: Sqlite,
}

impl SqliteStatsStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }

    /// All rows of a query over a time.
    async fn rows<T: Send + 'static>(
        &self,
        sql: &'static str,
        from: i64,
        until: i64,
        read: fn(&Row<'_>) -> StoreResult<T>,
    ) -> StoreResult<Vec<T>> {
        self.db.read_in(Lane::Slow, move |connection| read_all(connection, sql, params![from, until], read)).await
    }
}

fn read_all<T>(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
    read: fn(&Row<'_>) -> StoreResult<T>,
) -> StoreResult<Vec<T>> {
    let mut found = connection.prepare_cached(sql)?;
    let mut rows = found.query(values)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

fn corrupt(error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

fn read_entry(row: &Row<'_>) -> StoreResult<RawEntry> {
    let (kind, key): (String, String) = (row.get(2)?, row.get(4)?);
    let kind = read_kind(&kind)?;
    let (lots, work): (Option<String>, Option<String>) = (row.get(5)?, row.get(7)?);
    let lots: Vec<LotShare> =
        lots.map(|lots| serde_json::from_str(&lots)).transpose().map_err(|error| corrupt(&error))?.unwrap_or_default();
    Ok(RawEntry {
        id: row.get(0)?,
        owner: row.get(1)?,
        kind,
        amount: row.get(3)?,
        work: work.as_deref().and_then(WorkKind::parse),
        work_id: work_of(kind, &key),
        lots: lots.iter().map(|share| (share.id.into(), share.origin, share.amount.micros())).collect(),
        at: row.get(6)?,
    })
}

fn read_listed(row: &Row<'_>) -> StoreResult<ListedEntry> {
    Ok(ListedEntry { entry: read_entry(row)?, request_id: row.get(8)?, reason: row.get(9)? })
}

/// What [`read_entry`] reads; settlements with what they were for.
const ENTRY: &str = "l.id, l.owner_id, l.kind, l.amount, l.key, l.lots, l.created_at, h.kind";
const LEDGER: &str = "ledger l LEFT JOIN holds h ON l.kind = 'settle'
    AND h.id = unhex(replace(substr(l.key, instr(l.key, ':') + 1, 36), '-', ''))";

/// The entries from `?1` on and before `?2` and `?3`, at most `?4`.
fn page_of_entries(filter: EntryFilter) -> String {
    let mut only = String::new();
    // Writing to a string does not fail.
    if let Some(kind) = filter.kind {
        _ = write!(only, " AND l.kind = '{}'", kind.as_str());
    }
    if let Some(work) = filter.work {
        _ = write!(only, " AND h.kind = '{}'", work.as_str());
    }
    format!(
        "SELECT {ENTRY}, l.request_id, l.reason FROM {LEDGER}
         WHERE l.created_at >= ?1 AND (l.created_at, l.id) < (?2, ?3){only}
         ORDER BY l.created_at DESC, l.id DESC LIMIT ?4"
    )
}

fn read_payment(row: &Row<'_>) -> StoreResult<RawPayment> {
    let (state, currency): (String, String) = (row.get(0)?, row.get(3)?);
    Ok(RawPayment {
        is_paid: is_paid(&state),
        price: micros_of(row.get(1)?, &currency),
        refunded: micros_of(row.get(2)?, &currency),
        currency,
        version: row.get(4)?,
        at: row.get(5)?,
    })
}

fn read_reply(row: &Row<'_>) -> StoreResult<RawReply> {
    Ok(RawReply { model: row.get(0)?, input_tokens: row.get(1)?, output_tokens: row.get(2)?, at: row.get(3)? })
}

fn read_bucket(row: &Row<'_>) -> StoreResult<StoredBucket> {
    let source: String = row.get(0)?;
    Ok(StoredBucket {
        source: Source::parse(&source)?,
        start: row.get(1)?,
        mark: row.get(2)?,
        is_corrected: row.get(3)?,
        sums: read_sums(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)?,
        people: read_people(row.get_ref(5)?.as_blob().map_err(rusqlite::Error::from)?)?,
    })
}

#[async_trait]
impl StatsStore for SqliteStatsStore {
    async fn marks(&self, from: i64, until: i64) -> StoreResult<Marks> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let marks_of = |source: Source| {
                    let (table, mark) = match source {
                        Source::Attempts => ("attempts", "count(*)"),
                        Source::Ledger => ("ledger", "count(*)"),
                        Source::Payments => ("payments", "sum(version + 1)"),
                        Source::Users => ("users", "count(*)"),
                        Source::Replies => ("messages", "count(*)"),
                    };
                    let only = if source == Source::Replies { " AND cached = 1" } else { "" };
                    let mut marks = connection.prepare_cached(&format!(
                        "SELECT created_at / {BUCKET} * {BUCKET}, {mark} FROM {table}
                         WHERE created_at >= ?1 AND created_at < ?2{only} GROUP BY 1"
                    ))?;
                    let rows = marks.query_map([from, until], |row| Ok((row.get(0)?, row.get(1)?)))?;
                    Ok((source, rows.collect::<rusqlite::Result<_>>()?))
                };
                Source::ALL.into_iter().map(marks_of).collect()
            })
            .await
    }

    async fn attempts(&self, from: i64, until: i64) -> StoreResult<Vec<Attempt>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let sql = format!("SELECT {ATTEMPT} FROM attempts WHERE created_at >= ?1 AND created_at < ?2");
                read_all(connection, &sql, params![from, until], usage::read_attempt)
            })
            .await
    }

    async fn entries(&self, from: i64, until: i64) -> StoreResult<Vec<RawEntry>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let sql = format!("SELECT {ENTRY} FROM {LEDGER} WHERE l.created_at >= ?1 AND l.created_at < ?2");
                read_all(connection, &sql, params![from, until], read_entry)
            })
            .await
    }

    async fn payments(&self, from: i64, until: i64) -> StoreResult<Vec<RawPayment>> {
        const SQL: &str = "SELECT state, price, refunded, currency, version, created_at
            FROM payments WHERE created_at >= ?1 AND created_at < ?2";
        self.rows(SQL, from, until, read_payment).await
    }

    async fn users(&self, from: i64, until: i64) -> StoreResult<Vec<i64>> {
        const SQL: &str = "SELECT created_at FROM users WHERE created_at >= ?1 AND created_at < ?2";
        self.rows(SQL, from, until, |row| Ok(row.get(0)?)).await
    }

    async fn replies(&self, from: i64, until: i64) -> StoreResult<Vec<RawReply>> {
        const SQL: &str =
            "SELECT coalesce(model, ''), coalesce(input_tokens, 0), coalesce(output_tokens, 0), created_at
            FROM messages WHERE cached = 1 AND created_at >= ?1 AND created_at < ?2";
        self.rows(SQL, from, until, read_reply).await
    }

    async fn earnings(&self, lots: Vec<Uuid>) -> StoreResult<HashMap<Uuid, Earning>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                // The lot of a payment has its id.
                let mut found =
                    connection.prepare_cached("SELECT price, currency, credits FROM payments WHERE id = ?1")?;
                let mut earnings = HashMap::new();
                for lot in lots {
                    let mut rows = found.query([lot])?;
                    if let Some(row) = rows.next()? {
                        let currency: String = row.get(1)?;
                        let micros = micros_of(row.get(0)?, &currency);
                        earnings.insert(lot, Earning { micros, currency, credits: row.get(2)? });
                    }
                }
                Ok(earnings)
            })
            .await
    }

    async fn keep(&self, buckets: Vec<StoredBucket>) -> StoreResult<()> {
        // In small pieces: whoever moves credits shares the writer.
        const AT_A_TIME: usize = 64;
        let rows = buckets.into_iter().map(|bucket| {
            let (sums, people) = (write_sums(&bucket.sums)?, write_people(&bucket.people));
            Ok((bucket.source.as_str(), bucket.start, bucket.mark, bucket.is_corrected, sums, people))
        });
        let mut rows = rows.collect::<StoreResult<Vec<_>>>()?.into_iter();
        loop {
            let piece: Vec<_> = rows.by_ref().take(AT_A_TIME).collect();
            if piece.is_empty() {
                return Ok(());
            }
            self.db
                .write(Durability::Relaxed, move |connection| {
                    let mut keep = connection.prepare_cached(
                        "INSERT INTO statistics (source, start, mark, corrected, sums, people)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                         ON CONFLICT (source, start) DO UPDATE SET mark = excluded.mark, sums = excluded.sums,
                             people = excluded.people, corrected = max(corrected, excluded.corrected)",
                    )?;
                    for (source, start, mark, corrected, sums, people) in piece {
                        keep.execute(params![source, start, mark, corrected, sums, people])?;
                    }
                    Ok(())
                })
                .await?;
        }
    }

    async fn load(&self, from: i64, until: i64) -> StoreResult<Vec<StoredBucket>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut all = Vec::new();
                for source in Source::ALL {
                    let sql = "SELECT source, start, mark, corrected, sums, people FROM statistics
                        WHERE source = ?1 AND start >= ?2 AND start < ?3";
                    all.extend(read_all(connection, sql, params![source.as_str(), from, until], read_bucket)?);
                }
                Ok(all)
            })
            .await
    }

    async fn forget_before(&self, before: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection.prepare_cached("DELETE FROM statistics WHERE start < ?1")?.execute([before])?;
                Ok(())
            })
            .await
    }

    async fn standing(&self) -> StoreResult<Standing> {
        self.db
            .read_in(Lane::Slow, |connection| {
                let mut standing = Standing::default();
                let mut users =
                    connection.prepare_cached("SELECT role, status, count(*) FROM users GROUP BY role, status")?;
                let mut rows = users.query([])?;
                while let Some(row) = rows.next()? {
                    standing.users.insert((row.get(0)?, row.get(1)?), row.get(2)?);
                }
                let now = now_millis();
                // Those that are prepaid may begin later than is stored.
                let mut periods = connection.prepare_cached(
                    "SELECT u.id, u.status, p.id, p.name, p.per_minute, p.from_at, p.until_at, p.is_prepaid
                     FROM plan_periods p JOIN users u ON u.id = p.user_id
                     WHERE u.role = 'USER' AND (p.until_at > ?1 OR p.is_prepaid)",
                )?;
                let mut rows = periods.query([now])?;
                let mut with_plans: HashMap<Uuid, (String, Vec<Period>)> = HashMap::new();
                while let Some(row) = rows.next()? {
                    let period = Period {
                        id: row.get(2)?,
                        name: row.get(3)?,
                        per_minute: row.get(4)?,
                        from: row.get(5)?,
                        until: row.get(6)?,
                        is_prepaid: row.get(7)?,
                    };
                    let status = row.get(1)?;
                    with_plans.entry(row.get(0)?).or_insert_with(|| (status, Vec::new())).1.push(period);
                }
                standing.count_subscribers(with_plans, now);
                let mut accounts = connection.prepare_cached("SELECT lots, overdrawn FROM accounts")?;
                let mut rows = accounts.query([])?;
                while let Some(row) = rows.next()? {
                    let lots = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
                    let lots: Vec<Lot> = serde_json::from_str(lots).map_err(|error| corrupt(&error))?;
                    standing.add(&lots, row.get(1)?);
                }
                Ok(standing)
            })
            .await
    }

    async fn list(&self, filter: AttemptFilter, before: (i64, AttemptId), limit: usize) -> StoreResult<Vec<Attempt>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let AttemptFilter { from, until, provider, model, user, key, only_failed } = filter;
                // One bound for both, by which the index begins at the page, wherever that is.
                let before = before.min((until, AttemptId::min()));
                let mut values: Vec<Box<dyn ToSql>> =
                    vec![Box::new(from), Box::new(before.0), Box::new(before.1), Box::new(limit)];
                let mut only = String::new();
                let provider = provider.map(|name| Box::new(name) as Box<dyn ToSql>);
                let model = model.map(|name| Box::new(name) as Box<dyn ToSql>);
                let [user, key] = [user, key].map(|id| id.map(|id| Box::new(id) as Box<dyn ToSql>));
                for (column, value) in [("provider", provider), ("model", model), ("user_id", user), ("key_id", key)] {
                    if let Some(value) = value {
                        values.push(value);
                        // Writing to a string does not fail.
                        _ = write!(only, " AND {column} = ?{}", values.len());
                    }
                }
                if only_failed {
                    only.push_str(" AND outcome NOT IN ('ok', 'stopped')");
                }
                let sql = format!(
                    "SELECT {ATTEMPT} FROM attempts WHERE created_at >= ?1 AND (created_at, id) < (?2, ?3){only}
                     ORDER BY created_at DESC, id DESC LIMIT ?4"
                );
                read_all(connection, &sql, params_from_iter(values), usage::read_attempt)
            })
            .await
    }

    async fn list_entries(
        &self,
        filter: EntryFilter,
        before: (i64, Uuid),
        limit: usize,
    ) -> StoreResult<Vec<ListedEntry>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                // As with attempts.
                let before = before.min((filter.until, Uuid::nil()));
                let sql = page_of_entries(filter);
                read_all(connection, &sql, params![filter.from, before.0, before.1, limit], read_listed)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::credits::EntryKind;

    /// However many entries there are, a page of them is read along an index, and nothing is sorted.
    #[tokio::test]
    async fn a_page_of_the_ledger_is_read_in_the_order_of_its_index() {
        let folder = TempDir::new().unwrap();
        let db = Sqlite::open(&folder.path().join("tessera.db")).unwrap();
        let all = EntryFilter::default();
        for filter in [
            all,
            EntryFilter { kind: Some(EntryKind::Grant), ..all },
            EntryFilter { kind: Some(EntryKind::Settle), work: Some(WorkKind::Chat), ..all },
            EntryFilter { work: Some(WorkKind::Image), ..all },
        ] {
            let steps = db.read(move |connection| {
                let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", page_of_entries(filter)))?;
                let steps = plan.query_map(params![0, 1, Uuid::max(), 25], |row| row.get::<_, String>(3))?;
                Ok(steps.collect::<Result<Vec<_>, _>>()?.join("; "))
            });
            let steps = steps.await.unwrap();
            assert!(steps.contains("ledger_by_time") && !steps.contains("TEMP B-TREE"), "{filter:?}: {steps}");
        }
    }
}
