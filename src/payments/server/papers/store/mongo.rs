//! Papers in MongoDB, a document each.

use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use mongodb::options::ReadConcern;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::{PaperStore, page_of};
use crate::credits::Page;
use crate::payments::server::papers::paper::{Buyer, NewPaper, Paper, PaperKind, PaperNumber};
use crate::platform::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreError, StoreResult, to_i64};
use crate::platform::ids::{PaperId, UserId};

/// How long one waits for a number while others take theirs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A paper as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredPaper {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    kind: String,
    year: i32,
    number: i64,
    subject: String,
    user: bson::Uuid,
    payment: bson::Uuid,
    at: i64,
    /// JSON: it is read as a whole, and never changed.
    content: String,
}

/// What a user wants on papers.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredBuyer {
    #[serde(rename = "_id")]
    user: bson::Uuid,
    details: String,
}

impl StoredPaper {
    fn read(self) -> StoreResult<Paper> {
        let corrupt = |what: &str| StoreError::Corrupt(format!("a paper: {what}"));
        let number = PaperNumber {
            kind: PaperKind::parse(&self.kind).ok_or_else(|| corrupt("its kind"))?,
            year: self.year.try_into().map_err(|_| corrupt("its year"))?,
            number: self.number.try_into().map_err(|_| corrupt("its number"))?,
        };
        Ok(Paper {
            id: from_bson(self.id),
            number,
            user: from_bson(self.user),
            payment: from_bson(self.payment),
            issued_at: self.at,
            content: serde_json::from_str(&self.content).map_err(|error| corrupt(&error.to_string()))?,
        })
    }
}

/// [`PaperStore`] over MongoDB.
pub struct MongoPaperStore {
    papers: Collection<StoredPaper>,
    buyers: Collection<StoredBuyer>,
}

impl MongoPaperStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            papers: mongo.collection("papers", Durability::Durable),
            buyers: mongo.collection("buyers", Durability::Durable),
        }
    }

    /// The last number that no loss of a server can take back.
    async fn last_number(&self, kind: PaperKind, year: i16) -> StoreResult<i64> {
        let papers = self.papers.clone();
        let of = doc! { "kind": kind.as_str(), "year": i32::from(year) };
        let found = run(async move {
            papers.find_one(of).sort(doc! { "number": -1 }).read_concern(ReadConcern::majority()).await
        });
        Ok(found.await?.map_or(0, |last| last.number))
    }

    async fn read_all(&self, of: Document, sort: Document, limit: usize) -> StoreResult<Vec<Paper>> {
        let papers = self.papers.clone();
        let limit = to_i64(limit);
        let found: Vec<StoredPaper> =
            run(async move { papers.find(of).sort(sort).limit(limit).await?.try_collect().await }).await?;
        found.into_iter().map(StoredPaper::read).collect()
    }

    async fn read_one(&self, of: Document) -> StoreResult<Option<Paper>> {
        let papers = self.papers.clone();
        run(async move { papers.find_one(of).await }).await?.map(StoredPaper::read).transpose()
    }
}

#[async_trait]
impl PaperStore for MongoPaperStore {
    /// A number is used by the very insert that stores the paper, and only once the one before it is safe: so nobody leaves a
    /// gap, whatever happens between two steps.
    async fn issue(&self, paper: NewPaper) -> StoreResult<Paper> {
        if let Some(known) = self.find_of(paper.kind, &paper.subject).await? {
            return Ok(known);
        }
        let begun = Instant::now();
        let mut stored = StoredPaper {
            id: to_bson(PaperId::now_v7()),
            kind: paper.kind.as_str().to_owned(),
            year: paper.year.into(),
            number: 0,
            subject: paper.subject,
            user: to_bson(paper.user),
            payment: to_bson(paper.payment),
            at: paper.issued_at,
            content: serde_json::to_string(&paper.content).map_err(std::io::Error::from)?,
        };
        loop {
            stored.number = self.last_number(paper.kind, paper.year).await? + 1;
            let (papers, new) = (self.papers.clone(), stored.clone());
            match run(async move { papers.insert_one(new).await }).await {
                Ok(_) => return stored.read(),
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(error),
            }
            // Somebody made the same paper, or took the number for another.
            if let Some(known) = self.find_of(paper.kind, &stored.subject).await? {
                return Ok(known);
            }
            if begun.elapsed() > PATIENCE {
                return Err(StoreError::TimedOut);
            }
            sleep(Duration::from_millis(rand::random_range(1..20))).await;
        }
    }

    async fn find(&self, number: PaperNumber) -> StoreResult<Option<Paper>> {
        let PaperNumber { kind, year, number } = number;
        self.read_one(doc! { "kind": kind.as_str(), "year": i32::from(year), "number": i64::from(number) }).await
    }

    async fn find_of(&self, kind: PaperKind, subject: &str) -> StoreResult<Option<Paper>> {
        self.read_one(doc! { "kind": kind.as_str(), "subject": subject }).await
    }

    async fn list(&self, user: UserId, cursor: Option<&str>, limit: usize) -> StoreResult<Option<Page<Paper>>> {
        let mut of = doc! { "user": to_bson(user) };
        if let Some(cursor) = cursor {
            let Ok(before) = cursor.parse::<PaperId>() else { return Ok(None) };
            of.insert("_id", doc! { "$lt": to_bson(before) });
        }
        Ok(Some(page_of(self.read_all(of, doc! { "_id": -1 }, limit + 1).await?, limit)))
    }

    async fn of_year(&self, kind: PaperKind, year: i16, after: u32, limit: usize) -> StoreResult<Vec<Paper>> {
        let of = doc! { "kind": kind.as_str(), "year": i32::from(year), "number": { "$gt": i64::from(after) } };
        self.read_all(of, doc! { "number": 1 }, limit).await
    }

    async fn buyer(&self, user: UserId) -> StoreResult<Option<Buyer>> {
        let (buyers, of) = (self.buyers.clone(), doc! { "_id": to_bson(user) });
        let found = run(async move { buyers.find_one(of).await }).await?;
        let read = |stored: StoredBuyer| serde_json::from_str(&stored.details);
        found.map(read).transpose().map_err(|error| StoreError::Corrupt(format!("a buyer: {error}")))
    }

    async fn set_buyer(&self, user: UserId, buyer: Buyer) -> StoreResult<()> {
        let (buyers, of) = (self.buyers.clone(), doc! { "_id": to_bson(user) });
        let details = serde_json::to_string(&buyer).map_err(std::io::Error::from)?;
        run(async move { buyers.update_one(of, doc! { "$set": { "details": details } }).upsert(true).await }).await?;
        Ok(())
    }

    async fn delete_buyer(&self, user: UserId) -> StoreResult<()> {
        let (buyers, of) = (self.buyers.clone(), doc! { "_id": to_bson(user) });
        run(async move { buyers.delete_one(of).await }).await?;
        Ok(())
    }
}
