//! `/account`: who one is here, and the keys of one's programs. Its forms need no script.

use leptos::{either::EitherOf3, prelude::*};

use super::components::{KeyForm, KeyList, NewKey};
use crate::account::server_fns::load_account;
use crate::account::{AccountData, Profile};
use crate::i18n::{Text, t};
use crate::layout::use_workspace;
use crate::platform::browser::page_data::use_page_data;
use crate::ui::{Alert, AlertTone, Card, Skeleton};

/// Profile and API keys.
#[component]
pub fn AccountPage() -> impl IntoView {
    let Profile { name, email, .. } = use_workspace().facts.read_value().profile.clone();
    let data = use_page_data(|| (), |()| load_account());
    let content = move || match data.get() {
        None => EitherOf3::A(view! { <Skeleton class="h-96 w-full" /> }),
        Some(Err(error)) => EitherOf3::B(view! { <Alert tone=AlertTone::Danger text=error.to_string() /> }),
        Some(Ok(data)) => EitherOf3::C(view! { <Keys data /> }),
    };
    view! {
        <div class="@container mx-auto max-w-4xl space-y-8 px-4 py-8 sm:px-6">
            <h1 class="text-2xl font-semibold tracking-tight">{t(Text::Account)}</h1>
            <Card class="px-6 py-4">
                <dl class="grid gap-x-6 gap-y-1 text-sm @xl:grid-cols-[auto_1fr]">
                    <dt class="text-ink-soft">{t(Text::Name)}</dt>
                    <dd class="min-w-0 break-words">{name}</dd>
                    <dt class="text-ink-soft">{t(Text::Email)}</dt>
                    <dd class="min-w-0 break-words">{email}</dd>
                </dl>
            </Card>
            {content}
        </div>
    }
}

#[component]
fn Keys(
    /// What the server sent.
    data: AccountData,
) -> impl IntoView {
    let AccountData { keys, base_url, images, budgets, own, ways, outcome, new_key, refused } = data;
    view! {
        {sections(outcome)}
        <p class="text-sm text-ink-soft">{t(Text::StoredImages)} ": " {images}</p>
        {sections(ways)}
        <section aria-labelledby="keys" class="space-y-4">
            <div class="space-y-1">
                <h2 id="keys" class="text-lg font-semibold">
                    {t(Text::ApiKeys)}
                </h2>
                <p class="text-sm text-ink-soft">
                    {t(Text::ApiKeysExplained)} " "
                    <code class="inline-block max-w-full rounded-md bg-sunken px-1.5 py-0.5 break-all text-ink">{base_url}</code> " "
                    <a href="/api/docs" rel="external" class="font-medium text-accent underline">
                        {t(Text::TheHttpApi)}
                    </a>
                </p>
            </div>
            {new_key.map(|key| view! { <NewKey key /> })}
            <KeyList keys />
        </section>
        <section aria-labelledby="new-key" class="space-y-4">
            <h2 id="new-key" class="text-lg font-semibold">
                {t(Text::NewKey)}
            </h2>
            <Card>
                <KeyForm refused=refused.unwrap_or_default() />
            </Card>
        </section>
        {sections(budgets)}
        {sections(own)}
    }
}

/// HTML of the server; nothing where there is none, so that there is no gap.
fn sections(html: String) -> Option<impl IntoView> {
    (!html.is_empty()).then(|| view! { <div class="space-y-8" inner_html=Some(html)></div> })
}
