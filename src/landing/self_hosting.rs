//! How to run it oneself.

use leptos::prelude::*;

use crate::i18n::{Text, t};
use crate::ui::Button;

/// Two commands, and where developers go from here.
#[component]
pub fn SelfHosting() -> impl IntoView {
    view! {
        <section aria-labelledby="self-host" class="grid items-center gap-x-16 gap-y-8 lg:grid-cols-2">
            <div class="space-y-6">
                <div class="space-y-4">
                    <h2 id="self-host" class="font-display text-4xl text-balance">
                        {t(Text::SelfHostTitle)}
                    </h2>
                    <p class="max-w-xl text-lg text-pretty text-ink-soft">{t(Text::SelfHostText)}</p>
                </div>
                <div class="flex flex-wrap gap-2">
                    <Button href="/api/docs" label=t(Text::HttpApi) />
                    <Button href="/components" label=t(Text::UiComponents) />
                </div>
            </div>
            <pre class="overflow-x-auto rounded-md border border-line bg-sunken p-5 text-sm leading-7" tabindex="0">
                <code>"git clone <this repository> tessera\ncd tessera && make run"</code>
            </pre>
        </section>
    }
}
