//! Six images of the built-in painter, with the words that each was made from.

use leptos::prelude::*;

use crate::i18n::{Text, t};

/// The files below `public/sketches` and their prompts; thumbnails as the server makes them, 16:9, seed 3.
const SKETCHES: [(&str, Text); 6] = [
    ("lighthouse", Text::SketchLighthouse),
    ("aurora", Text::SketchAurora),
    ("balloons", Text::SketchBalloons),
    ("planet", Text::SketchPlanet),
    ("village", Text::SketchVillage),
    ("storm", Text::SketchStorm),
];

/// A wall of images, and who makes them.
#[component]
pub fn Sketches() -> impl IntoView {
    let sketch = |(name, prompt): (&'static str, Text)| {
        view! {
            <li>
                <figure class="space-y-2">
                    <img
                        src=format!("/sketches/{name}.webp")
                        alt=""
                        width="384"
                        height="219"
                        loading="lazy"
                        decoding="async"
                        class="aspect-video w-full rounded-md bg-sunken object-cover"
                    />
                    <figcaption class="text-sm text-pretty text-ink-soft">{t(prompt)}</figcaption>
                </figure>
            </li>
        }
    };
    view! {
        <section aria-labelledby="sketches" class="space-y-10">
            <div class="max-w-2xl space-y-4">
                <h2 id="sketches" class="font-display text-4xl text-balance">
                    {t(Text::SketchesTitle)}
                </h2>
                <p class="text-lg text-pretty text-ink-soft">{t(Text::SketchesText)}</p>
            </div>
            <ul class="grid grid-cols-2 gap-x-4 gap-y-6 sm:gap-x-6 md:grid-cols-3">
                {SKETCHES.into_iter().map(sketch).collect_view()}
            </ul>
        </section>
    }
}
