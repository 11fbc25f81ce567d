//! Statistics: what was asked, spent and earned, for who runs this.
//!
//! Raw records are added up by quarters of an hour (`rollup.rs`), which every time zone's days are made of; a report (`report.rs`)
//! reads these sums alone. Who may see one is none of its business.

mod figures;
mod histogram;
mod mirror;
pub mod range;
pub mod report;
mod rollup;
pub mod store;
pub mod sums;

pub use self::figures::{CostRow, Figures, KeyRow, Percentiles};
pub use self::histogram::Histogram;
pub use self::mirror::Person;
pub use self::rollup::Stats;
