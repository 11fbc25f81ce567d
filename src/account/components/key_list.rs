//! The keys that there are.

use leptos::{either::Either, prelude::*};

use crate::account::ApiKey;
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
                <p class="text-center text-sm text-ink-soft">"There is no key yet."</p>
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
        Some(budget) => format!("{} of {budget} credits", key.spent),
        None => format!("{} credits", key.spent),
    };
    let limit = key.per_minute.map(|count| format!("{count} a minute"));
    let used = match key.last_used_at {
        Some(at) => Either::Left(view! { "Used " <Timestamp at /> }),
        None => Either::Right("Never used"),
    };
    view! {
        <li class="flex flex-wrap items-start gap-x-4 gap-y-2 px-4 py-3">
            <div class="min-w-0 flex-1 space-y-1">
                <p class="font-medium break-words">
                    {key.name} " " <code class="text-xs font-normal text-ink-soft">{format!("tsk_…{}", key.hint)}</code>
                </p>
                <p class="flex flex-wrap gap-x-4 text-sm text-ink-soft tabular-nums">
                    <span>{spent}</span>
                    {limit.map(|limit| view! { <span>{limit}</span> })}
                    <span>{used}</span>
                    <span>"Made " <Timestamp at=key.created_at /></span>
                </p>
            </div>
            // Opened first, so that one slip revokes nothing.
            <details class="text-sm">
                <summary class="cursor-pointer rounded-md px-2 py-1.5 text-ink-soft hover:bg-sunken hover:text-ink">
                    "Revoke…"
                </summary>
                <form method="post" action="/account" class="pt-2 text-right">
                    <input type="hidden" name="revoke" value=key.id />
                    <Button
                        label="Revoke this key"
                        variant=ButtonVariant::Danger
                        size=ButtonSize::Small
                        kind="submit"
                    />
                </form>
            </details>
        </li>
    }
}
