//! The pieces of the account's forms, one per file.

mod key_form;
mod key_list;
mod new_key;

pub use key_form::KeyForm;
pub use key_list::KeyList;
pub use new_key::NewKey;

use crate::account::Scope;
use crate::i18n::{Text, t};

/// What a scope is called.
fn scope_text(scope: Scope) -> &'static str {
    t(match scope {
        Scope::Spend => Text::ScopeSpend,
        Scope::Read => Text::ScopeRead,
        Scope::Manage => Text::ScopeManage,
    })
}
