//! Prices as data: what each model costs, read from one file that can be changed while the server runs.
//!
//! `file/` reads it (or says all that is wrong with it), `book.rs` answers what a model costs now, `rate.rs` says what a call
//! costs and what it costs at most; `history/` keeps which prices there were. `catalogue/`, `import.rs` and `edit.rs` bring list prices from public catalogues.

mod book;
pub mod catalogue;
mod columns;
mod edit;
mod file;
pub mod history;
mod import;
mod price;
mod rate;
mod show;
mod source;

pub use self::book::PriceBook;
pub use self::edit::exchange;
pub use self::file::{ChatRule, Credit, FlatPrices, ImageRule, ListPrice, ListRates, ListTier, ModelEntry, PriceFile};
pub use self::import::{Here, Plan};
pub use self::price::{ChatPrice, ImagePrice};
pub use self::rate::{CacheWrites, ChatRate, Rates, Tier, TokenRates, TokenUse};
pub use self::show::{Configured, InForce, ShownPrice};
pub use self::source::{Loaded, PriceSource};

#[cfg(test)]
mod tests;
