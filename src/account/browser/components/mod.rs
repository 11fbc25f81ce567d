//! The pieces of the account's forms, one per file.

mod key_form;
mod key_list;
mod new_key;

pub use key_form::KeyForm;
pub use key_list::KeyList;
pub use new_key::NewKey;
