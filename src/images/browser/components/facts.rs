//! What is known of an image.

use leptos::prelude::*;

use crate::credits::credits_text;
use crate::i18n::{Text, fill, t};
use crate::images::Image;
use crate::images::browser::collection::painter_label;
use crate::ui::{Badge, Timestamp};

/// The facts, one a line.
#[component]
pub fn Facts(
    /// The image.
    image: Image,
) -> impl IntoView {
    let size = fill(Text::SizeInPixels, &[("width", &image.width.to_string()), ("height", &image.height.to_string())]);
    let painter = painter_label(&image.provider).to_owned();
    let fallback = image
        .fallback_from
        .as_deref()
        .map(|from| fill(Text::MadeBecauseFailed, &[("to", &painter), ("from", painter_label(from))]));
    let made_by = if image.is_ai { format!("{painter} · {}", image.model) } else { painter };
    let line = |name: Text, value: AnyView| {
        view! {
            <div class="flex items-baseline justify-between gap-4 py-2">
                <dt class="text-ink-soft">{t(name)}</dt>
                <dd class="min-w-0 text-right break-words tabular-nums">{value}</dd>
            </div>
        }
    };
    view! {
        <dl class="divide-y divide-line text-sm" aria-label=t(Text::AboutImage)>
            {line(Text::MadeBy, view! { {made_by} " " {(!image.is_ai).then(|| view! { <Badge>{t(Text::SketchNotAi)}</Badge> })} }.into_any())}
            {line(Text::Size, size.into_any())}
            {line(Text::Shape, image.aspect_ratio.as_str().into_any())}
            {line(Text::Seed, image.seed.to_string().into_any())}
            {line(Text::Cost, credits_text(image.credits).into_any())}
            {line(Text::Time, view! { <Timestamp at=image.created_at /> }.into_any())}
        </dl>
        {fallback.map(|text| view! { <p class="text-sm text-ink-soft">{text}</p> })}
        {image
            .conversation_id
            .map(|id| {
                view! {
                    <a class="text-sm font-medium text-accent hover:underline" href=format!("/chat/{id}")>
                        {t(Text::OpenConversation)}
                    </a>
                }
            })}
    }
}
