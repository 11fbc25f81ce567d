//! The mails about two-step sign-in.

use crate::account::server::Account;
use crate::account::server::store::User;
use crate::i18n::{Text, t};
use crate::platform::mail::Letter;

impl Account {
    /// Tells a user what has changed, if it is known that the address is theirs.
    pub(super) fn notify(&self, user: &User, what: Text) {
        if user.email_verified_at.is_none() {
            return;
        }
        let address = |path: &str| self.site.address_of(path).map(String::from).unwrap_or_default();
        let letter = Letter {
            subject: t(Text::TwoSteps).to_owned(),
            before: vec![t(what).to_owned(), t(Text::MailTwoStepsNotYou).to_owned()],
            link: Some((t(Text::ResetPassword).to_owned(), address("/reset-password"))),
            after: Vec::new(),
            site: address("/"),
        };
        self.outbox.send(letter.to(&user.email));
    }
}
