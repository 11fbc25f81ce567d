//! Papers in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{PaperStore, page_of};
use crate::credits::Page;
use crate::payments::server::papers::paper::{Buyer, NewPaper, Paper, PaperKind, PaperNumber};
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::{PaperId, UserId};

/// [`PaperStore`] over the embedded database.
pub struct SqlitePaperStore {
    db: Sqlite,
}

impl SqlitePaperStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

/// What [`read_paper`] reads.
const COLUMNS: &str = "id, kind, year, number, user_id, payment_id, issued_at, content";

fn read_paper(row: &Row<'_>) -> StoreResult<Paper> {
    let (kind, content): (String, String) = (row.get(1)?, row.get(7)?);
    let kind = PaperKind::parse(&kind).ok_or_else(|| StoreError::Corrupt(format!("kind of paper {kind:?}")))?;
    Ok(Paper {
        id: row.get(0)?,
        number: PaperNumber { kind, year: row.get(2)?, number: row.get(3)? },
        user: row.get(4)?,
        payment: row.get(5)?,
        issued_at: row.get(6)?,
        content: serde_json::from_str(&content).map_err(|error| StoreError::Corrupt(format!("a paper: {error}")))?,
    })
}

fn find_of(connection: &Connection, kind: PaperKind, subject: &str) -> StoreResult<Option<Paper>> {
    let mut found =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM papers WHERE kind = ?1 AND subject = ?2"))?;
    let mut rows = found.query(params![kind.as_str(), subject])?;
    rows.next()?.map(read_paper).transpose()
}

#[async_trait]
impl PaperStore for SqlitePaperStore {
    async fn issue(&self, paper: NewPaper) -> StoreResult<Paper> {
        let content = serde_json::to_string(&paper.content).map_err(std::io::Error::from)?;
        self.db
            .write(Durability::Durable, move |connection| {
                // One who writes at a time, so nobody takes the same number, and whoever fails takes none.
                connection
                    .prepare_cached(
                        "INSERT INTO papers (kind, year, number, id, subject, user_id, payment_id, issued_at, content)
                         SELECT ?1, ?2, coalesce(max(number), 0) + 1, ?3, ?4, ?5, ?6, ?7, ?8
                         FROM papers WHERE kind = ?1 AND year = ?2
                         ON CONFLICT (kind, subject) DO NOTHING",
                    )?
                    .execute(params![
                        paper.kind.as_str(),
                        paper.year,
                        PaperId::now_v7(),
                        paper.subject,
                        paper.user,
                        paper.payment,
                        paper.issued_at,
                        content,
                    ])?;
                let kept = find_of(connection, paper.kind, &paper.subject)?;
                kept.ok_or_else(|| StoreError::Corrupt("a paper that was just stored".to_owned()))
            })
            .await
    }

    async fn find(&self, number: PaperNumber) -> StoreResult<Option<Paper>> {
        let PaperNumber { kind, year, number } = number;
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM papers WHERE kind = ?1 AND year = ?2 AND number = ?3"
                ))?;
                let mut rows = found.query(params![kind.as_str(), year, number])?;
                rows.next()?.map(read_paper).transpose()
            })
            .await
    }

    async fn find_of(&self, kind: PaperKind, subject: &str) -> StoreResult<Option<Paper>> {
        let subject = subject.to_owned();
        self.db.read(move |connection| find_of(connection, kind, &subject)).await
    }

    async fn list(&self, user: UserId, cursor: Option<&str>, limit: usize) -> StoreResult<Option<Page<Paper>>> {
        let Ok(before) = cursor.map(str::parse::<PaperId>).transpose() else { return Ok(None) };
        let rows = self.db.read(move |connection| {
            let mut found = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM papers WHERE user_id = ?1 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3"
            ))?;
            let mut rows = found.query(params![user, before, limit + 1])?;
            let mut papers = Vec::new();
            while let Some(row) = rows.next()? {
                papers.push(read_paper(row)?);
            }
            Ok(papers)
        });
        Ok(Some(page_of(rows.await?, limit)))
    }

    async fn of_year(&self, kind: PaperKind, year: i16, after: u32, limit: usize) -> StoreResult<Vec<Paper>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM papers WHERE kind = ?1 AND year = ?2 AND number > ?3 ORDER BY number LIMIT ?4"
                ))?;
                let mut rows = found.query(params![kind.as_str(), year, after, limit])?;
                let mut papers = Vec::new();
                while let Some(row) = rows.next()? {
                    papers.push(read_paper(row)?);
                }
                Ok(papers)
            })
            .await
    }

    async fn buyer(&self, user: UserId) -> StoreResult<Option<Buyer>> {
        let found = self.db.read(move |connection| {
            let mut found = connection.prepare_cached("SELECT details FROM buyers WHERE user_id = ?1")?;
            Ok(found.query_row([user], |row| row.get::<_, String>(0)).optional()?)
        });
        let read = |details: String| serde_json::from_str(&details);
        found.await?.map(read).transpose().map_err(|error| StoreError::Corrupt(format!("a buyer: {error}")))
    }

    async fn set_buyer(&self, user: UserId, buyer: Buyer) -> StoreResult<()> {
        let details = serde_json::to_string(&buyer).map_err(std::io::Error::from)?;
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO buyers (user_id, details) VALUES (?1, ?2)
                         ON CONFLICT (user_id) DO UPDATE SET details = excluded.details",
                    )?
                    .execute(params![user, details])?;
                Ok(())
            })
            .await
    }

    async fn delete_buyer(&self, user: UserId) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection.prepare_cached("DELETE FROM buyers WHERE user_id = ?1")?.execute([user])?;
                Ok(())
            })
            .await
    }
}
