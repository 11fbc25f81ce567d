//! What can be set of accounts.

use super::clerk::config::ClerkConfig;
use super::oidc::config::{ProviderConfig, read_providers};
use crate::account::Email;
use crate::platform::config::Reader;

/// Who may do more than others, and how much.
#[derive(Debug, Clone)]
pub struct AccountsConfig {
    /// `ADMIN_EMAILS` (none): comma-separated; whoever registers or signs in with one becomes an admin.
    pub admin_emails: Vec<String>,
    /// `READ_LIMIT_PER_MINUTE` (600): what the API keys of a user may read in a minute.
    pub reads_per_minute: u32,
    /// `OIDC_<NAME>_…`: who signs people in besides us.
    pub providers: Vec<ProviderConfig>,
    /// `CLERK_…`: who signs people in, in the place of our own accounts.
    pub clerk: Option<ClerkConfig>,
}

impl AccountsConfig {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let admin_emails = reader
            .list("ADMIN_EMAILS")
            .into_iter()
            .filter_map(|text| {
                let email = Email::parse(text).map(|email| email.as_str().to_owned());
                email.map_err(|_| reader.problem("ADMIN_EMAILS", format!("{text:?} is not an email address"))).ok()
            })
            .collect();
        let reads_per_minute = reader.at_least("READ_LIMIT_PER_MINUTE", 600, 1);
        Self { admin_emails, reads_per_minute, providers: read_providers(reader), clerk: ClerkConfig::read(reader) }
    }
}
