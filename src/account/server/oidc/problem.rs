//! What went wrong with signing in with a provider, as it is said on pages: a word in their address.

use strum::IntoEnumIterator;

use crate::i18n::{Text, fill};
use crate::platform::http::outgoing::brief;

/// Why somebody is not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub enum Problem {
    /// They changed their mind, or the provider does not let them in.
    Denied,
    /// It took too long, was begun in another browser, or has ended already.
    Expired,
    /// What the provider says cannot be believed.
    Refused,
    /// The provider is down.
    Unavailable,
    /// Their address has an account: they have to sign in there once.
    SignInFirst,
    /// Somebody else here signs in that way.
    Taken,
    /// They are signed in to another account than the one that was meant.
    OtherAccount,
    /// They signed in too long ago.
    SignInAgain,
}

impl Problem {
    /// The word for it in an address.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::SignInFirst => "sign-in-first",
            Self::Taken => "taken",
            Self::OtherAccount => "other-account",
            Self::SignInAgain => "sign-in-again",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::iter().find(|problem| problem.word() == word)
    }

    /// What people read. `label` is what the provider is called.
    #[must_use]
    pub fn text(self, label: &str) -> String {
        let text = match self {
            Self::Denied => Text::ProviderDenied,
            Self::Expired => Text::SignInExpired,
            Self::Refused => Text::ProviderNotBelieved,
            Self::Unavailable => Text::ProviderUnreachable,
            Self::SignInFirst => Text::SignInOnceToLink,
            Self::Taken => Text::IdentityTaken,
            Self::OtherAccount => Text::OtherAccountMeant,
            Self::SignInAgain => Text::SignInAgainFirst,
        };
        fill(text, &[("provider", label)])
    }

    /// What an `error` of OAuth means (RFC 6749, 4.1.2.1; OIDC Core 1.0, 3.1.2.6).
    #[must_use]
    pub fn of_answer(variables: &str, error: &str) -> Self {
        match error {
            "access_denied" | "login_required" | "consent_required" | "interaction_required" => Self::Denied,
            "temporarily_unavailable" | "server_error" => Self::Unavailable,
            other => {
                tracing::warn!(provider = variables, error = brief(other), "the provider refuses our requests");
                Self::Refused
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_is_known_again_by_its_word_and_has_a_text_with_the_name() {
        for problem in Problem::iter() {
            assert_eq!(Problem::parse(problem.word()), Some(problem));
            let text = problem.text("Example");
            assert!(!text.contains('{'), "{text}");
        }
        assert_eq!(Problem::parse("<script>"), None);
    }
}
