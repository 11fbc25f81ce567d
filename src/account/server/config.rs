//! What can be set of accounts.

use super::clerk::config::ClerkConfig;
use super::oidc::config::{ProviderConfig, read_providers};
use crate::account::Email;
use crate::platform::config::Reader;
use crate::platform::site::SiteConfig;

/// Who may do more than others, and how much.
#[derive(Debug, Clone)]
pub struct AccountsConfig {
    /// `ADMIN_EMAILS` (none): comma-separated; whoever signs in with one becomes an admin.
    pub admin_emails: Vec<String>,
    /// Whether they have to be confirmed before: they are taken at their word only where nobody else is likely to come, on this
    /// machine, and where there is no mail.
    pub admins_confirm: bool,
    /// `SIGN_UP_CONFIRM` (true where there is `SMTP_URL`): an account is made when its address is confirmed by a mailed link, and not
    /// before. Without, who registers is signed in at once, and so told whether an address has an account.
    pub sign_up_confirm: bool,
    /// `READ_LIMIT_PER_MINUTE` (600): what the API keys of a user may read in a minute.
    pub reads_per_minute: u32,
    /// `OIDC_<NAME>_…`: who signs people in besides us.
    pub providers: Vec<ProviderConfig>,
    /// `CLERK_…`: who signs people in, in the place of our own accounts.
    pub clerk: Option<ClerkConfig>,
}

impl AccountsConfig {
    pub(crate) fn read(reader: &mut Reader, site: &SiteConfig) -> Self {
        let admin_emails = reader
            .list("ADMIN_EMAILS")
            .into_iter()
            .filter_map(|text| {
                let email = Email::parse(text).map(|email| email.as_str().to_owned());
                email.map_err(|_| reader.problem("ADMIN_EMAILS", format!("{text:?} is not an email address"))).ok()
            })
            .collect();
        let has_mail = reader.text("SMTP_URL").is_some();
        Self {
            admin_emails,
            admins_confirm: has_mail || !site.is_on_this_machine(),
            sign_up_confirm: reader.parsed("SIGN_UP_CONFIRM", has_mail, "true or false"),
            reads_per_minute: reader.at_least("READ_LIMIT_PER_MINUTE", 600, 1),
            providers: read_providers(reader),
            clerk: ClerkConfig::read(reader),
        }
    }
}
