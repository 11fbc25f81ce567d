//! The parts of the reference page.

mod contents;
mod errors;
mod example;
mod fields;
mod operation;
mod prose;
mod type_name;

pub use contents::Contents;
pub use errors::ErrorTable;
pub use fields::Fields;
pub use operation::OperationSection;
pub use prose::Prose;
