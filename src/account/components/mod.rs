//! The pieces of the account's forms, one per file.

mod form_page;

pub use form_page::FormPage;
