//! Email addresses: one way to write each, and none that only looks like another.

use idna::{domain_to_ascii, domain_to_unicode};
use unicode_normalization::UnicodeNormalization;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection, skeleton};

use crate::i18n::{Text, t};
use crate::platform::error::{AppError, AppResult};

/// Most bytes of an address (RFC 5321).
const MAX_BYTES: usize = 254;
/// Most bytes of what stands before the `@`.
const MAX_LOCAL_BYTES: usize = 64;

/// A well-formed email address in the one form by which it is compared: lower case, normalised (NFKC), its domain in Unicode
/// whether it was typed so or as `xn--…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    text: String,
    /// As it may have been kept before there was that form, where that is another.
    earlier: Vec<String>,
}

impl Email {
    /// Accepts what a mailbox can look like; only a mail can prove more.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `email`.
    pub fn parse(text: &str) -> AppResult<Self> {
        let lowered = text.trim().to_lowercase();
        let (local, domain) = canonical(&lowered).ok_or_else(invalid)?;
        let text = format!("{local}@{domain}");
        let coded = domain_to_ascii(&domain).map(|domain| format!("{local}@{domain}"));
        let decomposed = text.nfd().collect();
        let forms = [Some(lowered), coded.ok(), Some(decomposed)].into_iter().flatten();
        Ok(Self { earlier: forms.filter(|form| *form != text).collect(), text })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same address in the forms in which an account may have been stored before there was one.
    pub fn earlier(&self) -> impl Iterator<Item = Self> {
        self.earlier.iter().cloned().map(Self::stored)
    }

    /// The address of an account, as it is stored.
    #[must_use]
    pub const fn stored(text: String) -> Self {
        Self { text, earlier: Vec::new() }
    }

    /// Refuses an address that could be taken for another by its looks: letters of several scripts in one word, invisible
    /// ones, or a whole that looks like ASCII. For new accounts.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `email`.
    pub fn check_looks(&self) -> AppResult<()> {
        // That of East Asia may be mixed with Latin, as is usual there.
        let is_honest = |word: &str| {
            let letters: String = word.chars().filter(|letter| !letter.is_ascii_punctuation()).collect();
            letters.check_restriction_level(RestrictionLevel::HighlyRestrictive)
        };
        let looks_like_ascii = !self.text.is_ascii() && skeleton(&self.text).all(|letter| letter.is_ascii());
        if self.text.split(['@', '.']).all(is_honest) && !looks_like_ascii {
            Ok(())
        } else {
            Err(AppError::invalid("email", t(Text::EmailLooksLikeAnother)))
        }
    }
}

/// The one form of both parts of an address in lower case; `None` where it is none.
fn canonical(lowered: &str) -> Option<(String, String)> {
    let folded: String = lowered.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    let (local, domain) = folded.split_once('@')?;
    if domain.contains('@') || folded.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let (domain, valid) = domain_to_unicode(domain);
    let well_formed = valid.is_ok()
        && !local.is_empty()
        && local.len() <= MAX_LOCAL_BYTES
        // What is coded twice would be read as another address the next time.
        && domain.split('.').all(|label| !label.is_empty() && !label.starts_with("xn--"));
    (well_formed && local.len() + 1 + domain.len() <= MAX_BYTES).then(|| (local.to_owned(), domain))
}

fn invalid() -> AppError {
    AppError::invalid("email", t(Text::InvalidEmail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        Email::parse(text).unwrap().as_str().to_owned()
    }

    #[test]
    fn email_is_trimmed_and_lowered() {
        assert_eq!(parsed("  Ada@Example.ORG "), "ada@example.org");
    }

    #[test]
    fn email_that_is_not_one_is_refused() {
        for text in ["", "ada", "@x.org", "ada@", "a b@x.org", "ada@x..org", "ada@@x.org", "a\u{0}@x.org"] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
        assert!(Email::parse(&format!("{}@x.org", "a".repeat(65))).is_err());
        // A code that says nothing, spaces of other kinds, and a second @ of full width.
        for text in [
            "ada@xn--a.org",
            "ada@xn--xn--bcher-kvabcher-kva.example",
            "a\u{a0}b@x.org",
            "ada@x\u{3000}.org",
            "ada＠x@y.org",
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn email_has_one_form() {
        for same in
            ["ada@bücher.example", "ADA@BÜCHER.example", "ada@xn--bcher-kva.example", "ada@bu\u{308}cher.example"]
        {
            assert_eq!(parsed(same), "ada@bücher.example", "{same}");
        }
        assert_eq!(parsed("ａｄａ＠ｅｘａｍｐｌｅ。org"), "ada@example.org");
        assert_eq!(parsed("jose\u{301}@example.org"), "josé@example.org");
        // Where there never was but one, there is nothing else to look for.
        let earlier = |text| Email::parse(text).unwrap().earlier().map(|form| form.text).collect::<Vec<_>>();
        assert!(earlier("Ada@Example.org").is_empty());
        let forms = earlier("Ada@bücher.example");
        assert_eq!(forms, ["ada@xn--bcher-kva.example", "ada@bu\u{308}cher.example"]);
        assert!(earlier("jose\u{301}@xn--bcher-kva.example").contains(&"jose\u{301}@xn--bcher-kva.example".to_owned()));
    }

    #[test]
    fn email_that_only_looks_like_another_is_no_new_one() {
        for honest in [
            "ada+tessera@example.org",
            "adam_o'neil-1@example.org",
            "josé@example.org",
            "møller@example.dk",
            "张伟@例子.中国",
            "zhang张@example.cn",
            "иван@пример.рф",
            "иван@example.org",
            "ada@bücher.example",
        ] {
            assert!(Email::parse(honest).unwrap().check_looks().is_ok(), "{honest}");
        }
        for lookalike in [
            "\u{430}da@example.org",
            "асе@example.org",
            "ada@ех\u{430}mple.org",
            "ada@аре.com",
            "eve\u{200b}@example.org",
            "ev\u{435}@example.org",
            "ıan@example.org",
        ] {
            assert!(Email::parse(lookalike).unwrap().check_looks().is_err(), "{lookalike}");
        }
    }
}
