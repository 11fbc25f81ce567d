//! Prices that were seen, in MongoDB: a document each.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::doc;
use serde::{Deserialize, Serialize};

use super::{PriceKey, PriceStore, PriceTerms, SeenPrice, kind_name, read_terms, write_terms};
use crate::platform::db::mongo::{Durability, Mongo, is_duplicate, run};
use crate::platform::db::{StoreResult, to_i64};

/// What is one price.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    provider: String,
    model: String,
    kind: String,
    version: String,
}

/// A price as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredPrice {
    #[serde(rename = "_id")]
    place: Place,
    terms: String,
    first_seen: i64,
    last_seen: i64,
}

/// [`PriceStore`] over MongoDB.
pub struct MongoPriceStore {
    prices: Collection<StoredPrice>,
}

impl MongoPriceStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self { prices: mongo.collection("knownPrices", Durability::Relaxed) }
    }
}

#[async_trait]
impl PriceStore for MongoPriceStore {
    async fn note(&self, prices: Vec<(PriceKey, PriceTerms)>, at: i64) -> StoreResult<()> {
        for (PriceKey { provider, model, is_image, version }, terms) in prices {
            let place = doc! { "provider": provider, "model": model, "kind": kind_name(is_image), "version": version };
            let seen = doc! {
                "$setOnInsert": { "terms": write_terms(&terms)? },
                "$min": { "firstSeen": at },
                "$max": { "lastSeen": at },
            };
            let put = || {
                let (prices, place, seen) = (self.prices.clone(), doc! { "_id": place.clone() }, seen.clone());
                run(async move { prices.update_one(place, seen).upsert(true).await })
            };
            match put().await {
                // Another server has just added it.
                Err(error) if is_duplicate(&error) => put().await?,
                put => put?,
            };
        }
        Ok(())
    }

    async fn list(&self, most: usize) -> StoreResult<Vec<SeenPrice>> {
        let (prices, limit) = (self.prices.clone(), to_i64(most));
        let order = doc! { "firstSeen": -1, "_id": 1 };
        let found: Vec<StoredPrice> =
            run(async move { prices.find(doc! {}).sort(order).limit(limit).await?.try_collect().await }).await?;
        let read = |StoredPrice { place, terms, first_seen, last_seen }: StoredPrice| {
            let Place { provider, model, kind, version } = place;
            let key = PriceKey { provider, model, is_image: kind == kind_name(true), version };
            Ok(SeenPrice { key, terms: read_terms(&terms)?, first_seen, last_seen })
        };
        found.into_iter().map(read).collect()
    }
}
