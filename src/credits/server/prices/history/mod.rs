//! Which prices there were: each version that ever held, with when it was seen first and last. Noted off the path of any answer, when the
//! server starts, when the file changes and by the housekeeping.

mod mongo;
mod sqlite;
mod terms;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;

pub use self::mongo::MongoPriceStore;
pub use self::sqlite::SqlitePriceStore;
pub use self::terms::{PriceTerms, TermsOfTokens, TokenTier};
use super::book::PriceBook;
use super::show::{Configured, InForce};
use crate::platform::db::{StoreError, StoreResult, rfc3339};
use crate::platform::error::AppResult;
use crate::usage::server::prices::Price;

/// Versions that are listed, the newest first.
const MOST_LISTED: usize = 500;

/// What a price is of, and which version of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PriceKey {
    /// Empty: of any provider.
    pub provider: String,
    pub model: String,
    /// Of an image; else of a reply.
    pub is_image: bool,
    pub version: String,
}

/// A price that was seen. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenPrice {
    pub key: PriceKey,
    pub terms: PriceTerms,
    pub first_seen: i64,
    pub last_seen: i64,
}

/// Prices that were seen, by any server.
#[async_trait]
pub trait PriceStore: Send + Sync {
    /// Says that these hold at a time, in milliseconds since 1970. May be said again, and late.
    async fn note(&self, prices: Vec<(PriceKey, PriceTerms)>, at: i64) -> StoreResult<()>;

    /// Those that were seen first last, at most so many.
    async fn list(&self, most: usize) -> StoreResult<Vec<SeenPrice>>;
}

/// The prices that hold and those that did. Cheap to clone.
#[derive(Clone)]
pub struct PriceHistory {
    pub prices: PriceBook,
    /// Which models there are now.
    pub configured: Arc<dyn Fn() -> Vec<Configured> + Send + Sync>,
    pub store: Arc<dyn PriceStore>,
}

/// What providers take for a million tokens, in millionths of a US dollar, by list prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderPrice {
    pub input_micros: u64,
    pub output_micros: u64,
}

/// A version of the price of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceItem {
    /// Empty: of any provider.
    pub provider: String,
    pub model: String,
    /// As in receipts and in the ledger: the same for the same price.
    pub version: String,
    pub price: PriceTerms,
    /// Whether it holds now, on the server that responds.
    pub in_force: bool,
    /// RFC 3339, UTC. Absent: not noted yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub first_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_seen: Option<String>,
    /// Of replies, where it is known and the price holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub provider_takes: Option<ProviderPrice>,
}

/// All prices: those that hold first, then the others, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceList {
    /// What the operator calls the prices of now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub version: Option<String>,
    pub prices: Vec<PriceItem>,
}

impl PriceHistory {
    /// Notes what holds now, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`crate::platform::error::AppError::Unavailable`].
    pub async fn note(&self, now: i64) -> AppResult<()> {
        Ok(self.store.note(self.in_force(now).into_iter().collect(), now).await?)
    }

    fn in_force(&self, now: i64) -> BTreeMap<PriceKey, PriceTerms> {
        self.prices.in_force(&(self.configured)(), now).into_iter().map(InForce::noted).collect()
    }

    /// All prices, as they are at a time (milliseconds since 1970).
    ///
    /// # Errors
    /// [`crate::platform::error::AppError::Unavailable`].
    pub async fn list(&self, now: i64) -> AppResult<PriceList> {
        let mut seen: Vec<_> = self.store.list(MOST_LISTED).await?;
        let holding = self.in_force(now).into_iter().map(|(key, terms)| {
            let noted = seen.iter().position(|seen| seen.key == key).map(|at| seen.remove(at));
            (key, terms, noted)
        });
        let mut prices = Vec::new();
        for (key, terms, noted) in holding {
            let takes = self.prices.source().list().find(&key.model, now).filter(|_| !key.is_image);
            prices.push(PriceItem {
                in_force: true,
                first_seen: noted.as_ref().map(|seen| rfc3339(seen.first_seen)).transpose()?,
                last_seen: noted.as_ref().map(|seen| rfc3339(seen.last_seen)).transpose()?,
                provider_takes: takes.map(ProviderPrice::from),
                ..PriceItem::of(key, terms)
            });
        }
        for SeenPrice { key, terms, first_seen, last_seen } in seen {
            prices.push(PriceItem {
                first_seen: Some(rfc3339(first_seen)?),
                last_seen: Some(rfc3339(last_seen)?),
                ..PriceItem::of(key, terms)
            });
        }
        Ok(PriceList { version: self.prices.prices().version.clone(), prices })
    }
}

impl PriceItem {
    fn of(key: PriceKey, price: PriceTerms) -> Self {
        Self {
            provider: key.provider,
            model: key.model,
            version: key.version,
            price,
            in_force: false,
            first_seen: None,
            last_seen: None,
            provider_takes: None,
        }
    }
}

impl From<Price> for ProviderPrice {
    fn from(Price { input, output, .. }: Price) -> Self {
        Self { input_micros: input, output_micros: output }
    }
}

const fn kind_name(is_image: bool) -> &'static str {
    if is_image { "image" } else { "reply" }
}

fn write_terms(terms: &PriceTerms) -> StoreResult<String> {
    serde_json::to_string(terms).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn read_terms(text: &str) -> StoreResult<PriceTerms> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(format!("a price: {error}")))
}
