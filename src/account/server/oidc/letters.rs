//! The mails about ways to sign in: a provider more, one less, a first password.

use crate::account::server::Account;
use crate::i18n::{Text, fill, t};
use crate::platform::ids::UserId;
use crate::platform::mail::Letter;

impl Account {
    /// Tells a user what has changed, if it is known that the address is theirs. `issuer`: of the provider, if it is about one.
    pub(super) fn tell_of_way(&self, user: UserId, what: Text, issuer: &str) {
        let known = self.identity_providers.iter().find(|provider| provider.config.issuer == issuer);
        let label = known.map_or_else(|| issuer.to_owned(), |provider| provider.config.label.clone());
        let account = self.clone();
        self.outbox.prepare(async move {
            let user = account.store.find_user_by_id(user).await?;
            let user = user.filter(|user| user.email_verified_at.is_some());
            Ok(user.map(|user| account.way_letter(what, &label).to(&user.email)))
        });
    }

    fn way_letter(&self, what: Text, provider: &str) -> Letter {
        let address = |path: &str| self.site.address_of(path).map(String::from).unwrap_or_default();
        Letter {
            subject: t(Text::MailWaySubject).to_owned(),
            before: vec![fill(what, &[("provider", provider)]), t(Text::MailWayNotYou).to_owned()],
            link: Some((t(Text::Account).to_owned(), address("/account"))),
            after: Vec::new(),
            site: address("/"),
        }
    }
}
