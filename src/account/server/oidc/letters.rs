//! The mails about ways to sign in: a provider more, one less, a first password.

use crate::account::server::Account;
use crate::i18n::{Text, fill};
use crate::platform::ids::UserId;

impl Account {
    /// Tells a user what has changed, if it is known that the address is theirs. `issuer`: of the provider, if it is about one.
    pub(super) fn tell_of_way(&self, user: UserId, what: Text, issuer: Option<&str>) {
        let label = issuer.map(|issuer| {
            let known = self.identity_providers.iter().find(|provider| provider.config.issuer == issuer);
            known.map_or_else(|| issuer.to_owned(), |provider| provider.config.label.clone())
        });
        let account = self.clone();
        self.outbox.prepare(async move {
            let user = account.store.find_user_by_id(user).await?;
            let user = user.filter(|user| user.email_verified_at.is_some());
            let what = fill(what, &[("provider", &label.unwrap_or_default())]);
            Ok(user.map(|user| account.notice_letter(Text::MailWaySubject, what, Text::MailWayNotYou).to(&user.email)))
        });
    }
}
