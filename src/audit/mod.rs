//! The audit log: who did what to whom, and when. Features write it where they act; nothing of it is ever changed.

mod entry;
mod log;
pub mod store;

pub use self::entry::{Action, Actor, AuditEntry};
pub use self::log::{AuditLog, entries_written};
