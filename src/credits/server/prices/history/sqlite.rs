//! Prices that were seen, in SQLite.

use async_trait::async_trait;
use rusqlite::params;

use super::{PriceKey, PriceStore, PriceTerms, SeenPrice, kind_name, read_terms, write_terms};
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::db::{StoreResult, to_i64};

/// [`PriceStore`] over the embedded database.
pub struct SqlitePriceStore {
    db: Sqlite,
}

impl SqlitePriceStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

#[async_trait]
impl PriceStore for SqlitePriceStore {
    async fn note(&self, prices: Vec<(PriceKey, PriceTerms)>, at: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let mut note = connection.prepare_cached(
                    "INSERT INTO known_prices (provider, model, kind, version, terms, first_seen, last_seen)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
                     ON CONFLICT DO UPDATE SET first_seen = min(first_seen, excluded.first_seen),
                         last_seen = max(last_seen, excluded.last_seen)",
                )?;
                for (PriceKey { provider, model, is_image, version }, terms) in prices {
                    note.execute(params![provider, model, kind_name(is_image), version, write_terms(&terms)?, at])?;
                }
                Ok(())
            })
            .await
    }

    async fn list(&self, most: usize) -> StoreResult<Vec<SeenPrice>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT provider, model, kind, version, terms, first_seen, last_seen FROM known_prices
                     ORDER BY first_seen DESC, provider, model, kind, version LIMIT ?1",
                )?;
                let mut rows = found.query([to_i64(most)])?;
                let mut prices = Vec::new();
                while let Some(row) = rows.next()? {
                    let (kind, terms): (String, String) = (row.get(2)?, row.get(4)?);
                    prices.push(SeenPrice {
                        key: PriceKey {
                            provider: row.get(0)?,
                            model: row.get(1)?,
                            is_image: kind == kind_name(true),
                            version: row.get(3)?,
                        },
                        terms: read_terms(&terms)?,
                        first_seen: row.get(5)?,
                        last_seen: row.get(6)?,
                    });
                }
                Ok(prices)
            })
            .await
    }
}
