//! The language of a request, and what texts say in it.

use strum::VariantArray;

use super::{Language, Text, en, zh};

tokio::task_local! {
    static LANGUAGE: Language;
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
