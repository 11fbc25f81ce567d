//! What the mails of accounts say, in the language of the request that they are sent for.

use std::time::Duration;

use super::Purpose;
use crate::account::server::Account;
use crate::i18n::{Text, fill, t};
use crate::platform::mail::Letter;
use crate::platform::query;

impl Account {
    /// The mail that brings a link, which leads on to `next`; `is_first` where its address was never confirmed.
    pub(super) fn link_letter(&self, purpose: Purpose, is_first: bool, token: &str, next: &str) -> Letter {
        let (subject, text, path) = match purpose {
            Purpose::Reset if is_first => (Text::SetNewPassword, Text::MailResetFirst, "/reset-password"),
            Purpose::Reset => (Text::SetNewPassword, Text::MailReset, "/reset-password"),
            Purpose::Verify => (Text::ConfirmEmail, Text::MailVerify, "/verify-email"),
            Purpose::SignIn => (Text::MailSignInSubject, Text::MailSignIn, "/sign-in/link"),
            Purpose::Change => (Text::ConfirmEmail, Text::MailChange, "/verify-email"),
        };
        let label = if purpose == Purpose::SignIn { Text::SignIn } else { subject };
        let minutes = purpose.lasts().as_secs() / 60;
        let lasts = match (minutes / 60, minutes % 60) {
            (hours, 0) => fill(Text::MailLinkHours, &[("hours", &hours.to_string())]),
            _ => fill(Text::MailLinkMinutes, &[("minutes", &minutes.to_string())]),
        };
        Letter {
            subject: t(subject).to_owned(),
            before: vec![t(text).to_owned()],
            link: Some((
                t(label).to_owned(),
                self.address(&query::address(&format!("{path}/{token}"), &[("next", next)])),
            )),
            after: vec![lasts, t(Text::MailNotYou).to_owned()],
            site: self.address("/"),
        }
    }

    /// The mail that brings a link to a new account.
    pub(super) fn sign_up_letter(&self, token: &str, lasts: Duration) -> Letter {
        let hours = (lasts.as_secs() / 3600).to_string();
        Letter {
            subject: t(Text::FinishSigningUp).to_owned(),
            before: vec![t(Text::MailSignUp).to_owned()],
            link: Some((t(Text::FinishSigningUp).to_owned(), self.address(&format!("/sign-up/{token}")))),
            after: vec![fill(Text::MailLinkHours, &[("hours", &hours)]), t(Text::MailNotYou).to_owned()],
            site: self.address("/"),
        }
    }

    /// To the owner of an address that somebody wanted to register again.
    pub(super) fn has_account_letter(&self) -> Letter {
        Letter {
            subject: t(Text::MailHasAccountSubject).to_owned(),
            before: vec![t(Text::MailHasAccount).to_owned()],
            link: Some((t(Text::ResetPassword).to_owned(), self.address("/reset-password"))),
            after: vec![t(Text::MailNotYou).to_owned()],
            site: self.address("/"),
        }
    }

    /// To whoever has a new password.
    pub(in crate::account::server) fn password_letter(&self) -> Letter {
        let link = Some((t(Text::ResetPassword).to_owned(), self.address("/reset-password")));
        let (before, after) =
            (vec![t(Text::MailPassword).to_owned(), t(Text::MailPasswordNotYou).to_owned()], Vec::new());
        Letter { subject: t(Text::PasswordWasSet).to_owned(), before, link, after, site: self.address("/") }
    }

    /// To the owner of an account in which something about signing in is different now.
    pub(in crate::account::server) fn notice_letter(&self, subject: Text, what: String, not_you: Text) -> Letter {
        let link = Some((t(Text::Account).to_owned(), self.address("/account")));
        let before = vec![what, t(not_you).to_owned()];
        Letter { subject: t(subject).to_owned(), before, link, after: Vec::new(), site: self.address("/") }
    }

    /// To the address from before.
    pub(super) fn changed_letter(&self, email: &str) -> Letter {
        let before = vec![fill(Text::MailChanged, &[("email", email)]), t(Text::MailChangedNotYou).to_owned()];
        let subject = t(Text::MailChangedSubject).to_owned();
        Letter { subject, before, site: self.address("/"), ..Letter::default() }
    }

    /// To the owner of an address that somebody wanted for another account.
    pub(super) fn taken_letter(&self) -> Letter {
        let (subject, before) = (t(Text::MailTakenSubject).to_owned(), vec![t(Text::MailTaken).to_owned()]);
        Letter { subject, before, site: self.address("/"), ..Letter::default() }
    }

    fn address(&self, path: &str) -> String {
        self.site.address_of(path).map(String::from).unwrap_or_default()
    }
}
