//! The language of a request, and what texts say in it.

use strum::VariantArray;

use super::{Language, Text, en, zh};
use crate::platform::http::accept::weighted;

tokio::task_local! {
    static LANGUAGE: Language;
}

impl Language {
    /// The one that a browser would rather have (RFC 9110, "Accept-Language"); English if it knows none of ours.
    #[must_use]
    pub fn accepted(header: &str) -> Self {
        let mut wanted: Vec<_> = weighted(header).collect();
        // Stable: of two with the same weight, the first one.
        wanted.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let rank = |language: Self| {
            let own = wanted.iter().position(|(tag, _)| Self::parse(tag) == Some(language));
            let at = own.or_else(|| wanted.iter().position(|(tag, _)| *tag == "*"))?;
            (wanted[at].1 > 0.0).then_some((at, language))
        };
        let best = Self::ALL.into_iter().filter_map(rank).min_by_key(|(at, _)| *at);
        best.map(|(_, language)| language).unwrap_or_default()
    }
}

/// Runs `work` in a language: whatever it says to people is said in it.
pub async fn in_language<F: Future>(language: Language, work: F) -> F::Output {
    LANGUAGE.scope(language, work).await
}

/// As [`in_language`], for work that blocks.
pub fn in_language_here<T>(language: Language, work: impl FnOnce() -> T) -> T {
    LANGUAGE.sync_scope(language, work)
}

/// The language of this request; English outside of any, as in logs.
#[must_use]
pub fn current_language() -> Language {
    LANGUAGE.try_with(|language| *language).unwrap_or_default()
}

/// What a text says in the language of this request.
#[must_use]
pub fn t(text: Text) -> &'static str {
    say(current_language(), text)
}

/// What a text says in a language.
pub(super) const fn say(language: Language, text: Text) -> &'static str {
    match language {
        Language::En => en::say(text),
        Language::Zh => zh::say(text),
    }
}

/// What the browser gets: the texts of the app in the language of this request, in their order, one a line.
#[must_use]
pub fn texts_of_the_app() -> String {
    let texts = &Text::VARIANTS[..Text::SiteTitle as usize];
    texts.iter().map(|text| t(*text)).collect::<Vec<_>>().join("\n")
}
