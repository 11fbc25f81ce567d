//! Sessions: where somebody is signed in, and who ends them; the password, the profile, and accounts that are shut.

pub mod api;
pub mod client;
mod confirm;
pub mod forms;
mod password;
mod profile;
mod rules;
pub mod status;
pub mod store;
pub(super) mod view;

pub use self::client::Client;
pub use self::profile::Preferences;
pub use self::rules::SESSION_LIFETIME;
pub use self::status::UserStatus;
