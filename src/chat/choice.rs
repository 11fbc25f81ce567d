//! What people read of a model where they pick one, as both targets say it.

use super::estimate::ProviderInfo;
use crate::credits::credits_text;
use crate::i18n::{Text, fill, t};
use crate::ui::grouped;

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
