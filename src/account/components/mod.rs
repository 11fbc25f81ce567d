//! The pieces of the account's forms, one per file.

#[cfg(feature = "ssr")]
mod form_page;
mod key_form;
mod key_list;
mod new_key;

#[cfg(feature = "ssr")]
pub use form_page::FormPage;
pub use key_form::KeyForm;
pub use key_list::KeyList;
pub use new_key::NewKey;
