//! Files of data that an operator edits while the server runs: found, read with all that is wrong told by its line, and
//! exchanged as a whole. What is in one, its feature knows.

mod decimal;
mod reading;
mod source;
mod watched;

pub use self::decimal::{Decimal, NotDecimal, written};
pub use self::reading::{Field, Reading, Section, read_file};
pub use self::source::{DataFile, Stamp};
pub use self::watched::{Reload, Watched};
