//! Passkeys: signing in with what a device keeps and unlocks (`WebAuthn`), alone.
//!
//! `webauthn-rs` checks what authenticators say. What is here: whose a passkey is, and that a ceremony which one server begins is
//! finished once, on any.

pub mod api;
mod pages;
mod relying_party;
mod rules;
mod script;
pub mod store;
mod view;

pub use self::relying_party::relying_party;
pub use self::script::PasskeyScript;
pub use self::view::{SignInByPasskey, passkeys_html};

/// Most passkeys of a user.
pub const MAX_PASSKEYS: usize = 20;
/// Most characters of the name of one.
pub const MAX_PASSKEY_NAME_CHARS: usize = 60;
