//! The form for a new key.

use leptos::prelude::*;

use crate::account::{KeyFields, MAX_KEY_NAME_CHARS, RefusedKey};
use crate::i18n::{Text, t};
use crate::ui::{Alert, AlertTone, Button, ButtonVariant, Field};

/// Name, limit and budget. What was refused is shown as it was typed, with what is wrong at its field.
#[component]
pub fn KeyForm(
    /// The last try; empty if there was none.
    refused: RefusedKey,
) -> impl IntoView {
    let RefusedKey { form: KeyFields { name, per_minute, budget }, field, message } = refused;
    let at = |name: &str| (field == name).then(|| message.clone());
    let at_none = ["name", "perMinute", "budget"].iter().all(|known| *known != field) && !message.is_empty();
    let (name_error, rate_error, budget_error) = (at("name"), at("perMinute"), at("budget"));
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
                error=name_error
            />
            <div class="grid gap-5 sm:grid-cols-2">
                <Field
                    id="key-rate"
                    name="perMinute"
                    label=t(Text::RequestsAMinute)
                    kind="number"
                    value=per_minute
                    hint=t(Text::WithinYourLimit)
                    error=rate_error
                />
                <Field
                    id="key-budget"
                    name="budget"
                    label=t(Text::BudgetInCredits)
                    kind="number"
                    value=budget
                    hint=t(Text::BudgetHint)
                    error=budget_error
                />
            </div>
            <Button label=t(Text::MakeAKey) variant=ButtonVariant::Primary kind="submit" />
        </form>
    }
}
