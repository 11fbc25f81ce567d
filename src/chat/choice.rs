//! What people read of a model where they pick one, as both targets say it.

use super::estimate::ProviderInfo;
use crate::credits::credits_text;
use crate::i18n::{Text, fill, t};
use crate::ui::grouped;

/// What stands between the name of a model and how much it is to think.
const EFFORT_AFTER: char = '@';

/// The efforts that a page offers, least first; who writes a name may use all of `reasoning_effort`.
pub const EFFORTS: [(&str, Text); 3] =
    [("low", Text::ThinksLittle), ("medium", Text::ThinksSome), ("high", Text::ThinksMuch)];

/// The name of something that is picked, and how much it is to think: `openai@high`.
#[must_use]
pub fn with_effort(name: &str, effort: Option<&str>) -> String {
    effort
        .filter(|effort| !effort.is_empty())
        .map_or_else(|| name.to_owned(), |effort| format!("{name}{EFFORT_AFTER}{effort}"))
}

/// The two again. What is after the last sign may as well be a part of the name.
#[must_use]
pub fn parts_of_choice(name: &str) -> (&str, Option<&str>) {
    name.rsplit_once(EFFORT_AFTER).map_or((name, None), |(name, effort)| (name, Some(effort)))
}

/// `gpt-5.4-mini · 1 credit · takes 400,000 tokens · sees images`.
#[must_use]
pub fn describe(info: &ProviderInfo) -> String {
    let window = info.context_tokens.map(|tokens| fill(Text::TakesTokens, &[("count", &grouped(tokens.into()))]));
    let able =
        [(Some(info.sees_images), Text::SeesImages), (info.thinks, Text::Thinks), (info.calls_tools, Text::CallsTools)];
    let able = able.into_iter().filter(|(is_able, _)| *is_able == Some(true)).map(|(_, text)| t(text).to_owned());
    let model = Some(info.model.clone()).filter(|model| *model != info.label);
    let parts = [model, Some(credits_text(info.credits)), window];
    parts.into_iter().flatten().chain(able).collect::<Vec<_>>().join(" · ")
}
