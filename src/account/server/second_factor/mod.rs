//! Two-step sign-in: an authenticator app (TOTP, RFC 6238) or a passkey after the password, recovery codes, and the half sign-ins
//! that wait for the second step.
//!
//! Where passkeys alone are the second step, there is an app without a key.

pub mod api;
mod app_key;
mod letters;
mod pages;
mod qr;
mod rules;
mod sealing;
mod setup;
pub mod store;
mod view;

pub use self::app_key::{AppKey, KEY_BYTES, SealedKey, code_at, open_key, seal_key, step_of};
pub use self::sealing::{Sealing, look_at_keys, seal_keys};
pub use self::setup::turn_off;
pub(super) use self::view::two_steps_html;
use super::service::NewSession;

/// What a user may show as the second step of signing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondStep {
    /// A code of their authenticator app, or a recovery code.
    Code,
    Passkey,
}

/// What becomes of somebody who has shown who they are in one way.
pub enum Admission {
    SignedIn(NewSession),
    /// They have to take a second step. The token is the secret of their half sign-in: it goes to the browser and nowhere else.
    SecondStep(String),
}
