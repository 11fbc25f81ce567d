//! The keys that there are.

use leptos::{either::Either, prelude::*};

use super::scope_text;
use crate::account::ApiKey;
use crate::i18n::{Text, count_written, fill, t};
use crate::ui::{Button, ButtonSize, ButtonVariant, Card, Timestamp};

/// One entry per key, each with the way to revoke it.
#[component]
pub fn KeyList(
    /// Newest first.
    keys: Vec<ApiKey>,
) -> impl IntoView {
    if keys.is_empty() {
        return Either::Left(view! {
            <Card class="px-6 py-8">
                <p class="text-center text-sm text-ink-soft">{t(Text::NoKeys)}</p>
            </Card>
        });
    }
    let entries = keys.into_iter().map(|key| view! { <Entry key /> }).collect::<Vec<_>>();
    Either::Right(view! { <ul class="divide-y divide-line rounded-md border border-line bg-surface">{entries}</ul> })
}

#[component]
fn Entry(
    /// The key.
    key: ApiKey,
) -> impl IntoView {
    let spent = match key.budget {
        Some(budget) => fill(Text::SpentOf, &[("spent", &key.spent.as_price()), ("budget", &budget.as_balance())]),
        None => count_written(Text::CreditsCount, &key.spent.as_price()),
    };
    let limit = key.per_minute.map(|count| fill(Text::PerMinute, &[("count", &count.to_string())]));
    let used = match key.last_used_at {
        Some(at) => Either::Left(view! { {t(Text::UsedAt)} " " <Timestamp at /> }),
        None => Either::Right(t(Text::NeverUsed)),
    };
    let scopes = key.scopes.iter().map(|scope| scope_text(*scope)).collect::<Vec<_>>().join(" · ");
    let end = t(if key.expired { Text::ExpiredAt } else { Text::ExpiresAt });
    let end_class = if key.expired { "text-danger" } else { "" };
    let expires = key.expires_at.map(|at| view! { <span class=end_class>{end} " " <Timestamp at /></span> });
    view! {
        <li class="flex flex-wrap items-start gap-x-4 gap-y-2 px-4 py-3">
            <div class="min-w-0 flex-1 space-y-1">
                <p class="font-medium break-words">
                    {key.name} " " <code class="text-xs font-normal text-ink-soft">{format!("tsk_…{}", key.hint)}</code>
                </p>
                <p class="flex flex-wrap gap-x-4 text-sm text-ink-soft tabular-nums">
                    <span>{scopes}</span>
                    <span>{spent}</span>
                    {limit.map(|limit| view! { <span>{limit}</span> })}
                    {expires}
                    <span>{used}</span>
                    <span>{t(Text::MadeAt)} " " <Timestamp at=key.created_at /></span>
                </p>
            </div>
            // Opened first, so that one slip revokes nothing.
            <details class="text-sm">
                <summary class="cursor-pointer rounded-md px-2 py-1.5 text-ink-soft hover:bg-sunken hover:text-ink">
                    {t(Text::RevokeItem)}
                </summary>
                <form method="post" action="/account" class="pt-2 text-right">
                    <input type="hidden" name="revoke" value=key.id />
                    <Button
                        label=t(Text::RevokeThisKey)
                        variant=ButtonVariant::Danger
                        size=ButtonSize::Small
                        kind="submit"
                    />
                </form>
            </details>
        </li>
    }
}
