//! The form for a new key.

use leptos::prelude::*;

use crate::account::{KeyFields, MAX_KEY_NAME_CHARS, RefusedKey};
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
                label="Name"
                value=name
                required=true
                max_chars=MAX_KEY_NAME_CHARS
                hint="What will use it, such as \"My script\"."
                error=name_error
            />
            <div class="grid gap-5 sm:grid-cols-2">
                <Field
                    id="key-rate"
                    name="perMinute"
                    label="Requests a minute (optional)"
                    kind="number"
                    value=per_minute
                    hint="Within your own limit."
                    error=rate_error
                />
                <Field
                    id="key-budget"
                    name="budget"
                    label="Budget in credits (optional)"
                    kind="number"
                    value=budget
                    hint="What it may spend in all."
                    error=budget_error
                />
            </div>
            <Button label="Make a key" variant=ButtonVariant::Primary kind="submit" />
        </form>
    }
}
