//! The form for a new key.

use leptos::prelude::*;

use super::scope_text;
use crate::account::{KeyFields, MAX_KEY_NAME_CHARS, RefusedKey, Scope};
use crate::i18n::{Text, fill, t};
use crate::ui::{Alert, AlertTone, Button, ButtonVariant, Checkbox, Choice, Field, Select};

/// How long keys can be made for, in days.
const LIVES: [&str; 4] = ["7", "30", "90", "365"];

/// Name, scopes, expiry, limit and budget. What was refused is shown as it was typed, with what is wrong at its field.
#[component]
pub fn KeyForm(
    /// The last try; empty if there was none.
    refused: RefusedKey,
) -> impl IntoView {
    let RefusedKey { form, field, message } = refused;
    let at = |name: &str| (field == name).then(|| message.clone());
    let at_none = ["name", "perMinute", "budget", "scopes", "expiresInDays"].iter().all(|known| *known != field)
        && !message.is_empty();
    let (name_error, rate_error, budget_error) = (at("name"), at("perMinute"), at("budget"));
    let (scopes_error, days_error) = (at("scopes"), at("expiresInDays"));
    let is_described = scopes_error.is_some().then_some("scopes-error");
    // What most programs need, until somebody has chosen.
    let is_new = form.scoped.is_empty();
    let is_checked = |scope| if is_new { scope != Scope::Manage } else { form.is_checked(scope) };
    let (spends, reads, manages) = (is_checked(Scope::Spend), is_checked(Scope::Read), is_checked(Scope::Manage));
    let KeyFields { name, per_minute, budget, days, .. } = form;
    let days_of = |days: &str| Choice::new(days, fill(Text::DaysCount, &[("count", days)]));
    let lives = std::iter::once(Choice::new("", t(Text::UntilRevoked))).chain(LIVES.map(days_of)).collect::<Vec<_>>();
    view! {
        <form method="post" action="/account" class="space-y-5">
            {at_none.then(|| view! { <Alert tone=AlertTone::Danger text=message.clone() /> })}
            <Field
                id="key-name"
                name="name"
                label=t(Text::Name)
                value=name
                required=true
                max_chars=MAX_KEY_NAME_CHARS
                hint=t(Text::KeyNameHint)
                autofocus=name_error.is_some()
                error=name_error
            />
            <fieldset class="min-w-0 space-y-3" aria-describedby=is_described>
                <legend class="pb-1.5 text-sm font-medium">{t(Text::WhatItMay)}</legend>
                <input type="hidden" name="scoped" value="1" />
                <ScopeBox scope=Scope::Spend checked=spends />
                <ScopeBox scope=Scope::Read checked=reads />
                <ScopeBox scope=Scope::Manage checked=manages />
                {scopes_error.map(|error| view! { <p id="scopes-error" class="text-sm text-danger">{error}</p> })}
            </fieldset>
            <div class="grid gap-5 @xl:grid-cols-3">
                <Select id="key-days" name="days" label=t(Text::KeyLives) choices=lives value=days error=days_error />
                <Field
                    id="key-rate"
                    name="perMinute"
                    label=t(Text::RequestsAMinute)
                    kind="number"
                    value=per_minute
                    hint=t(Text::WithinYourLimit)
                    autofocus=rate_error.is_some()
                    error=rate_error
                />
                <Field
                    id="key-budget"
                    name="budget"
                    label=t(Text::BudgetInCredits)
                    value=budget
                    hint=t(Text::BudgetHint)
                    autofocus=budget_error.is_some()
                    error=budget_error
                />
            </div>
            <Button label=t(Text::MakeAKey) variant=ButtonVariant::Primary kind="submit" />
        </form>
    }
}

/// A box for something that a key may do.
#[component]
fn ScopeBox(
    /// What it may do.
    scope: Scope,
    /// Whether it may.
    checked: bool,
) -> impl IntoView {
    let (id, name, hint) = match scope {
        Scope::Spend => ("key-spend", "spend", Text::ScopeSpendHint),
        Scope::Read => ("key-read", "read", Text::ScopeReadHint),
        Scope::Manage => ("key-manage", "manage", Text::ScopeManageHint),
    };
    view! { <Checkbox id name label=scope_text(scope) hint=Some(t(hint)) checked /> }
}
