//! The pieces of the dashboard, one per file.

mod balance_card;
mod ledger_table;

pub use balance_card::BalanceCard;
pub use ledger_table::LedgerTable;
