//! Where a code is typed, on `/dashboard`: HTML of the server.

use leptos::prelude::*;

use crate::i18n::{Text, t};
use crate::ui::{Alert, AlertTone, Button, Card, Field, html_of};

/// What came of the code that was typed last.
#[derive(Debug, Clone, Default)]
pub struct Redeeming {
    /// As it was typed, where it was refused.
    pub typed: String,
    /// Why it was refused; empty if it was not.
    pub refused: String,
    /// What was given for it; empty if nothing was.
    pub told: String,
}

/// The form.
#[must_use]
pub fn redeem_html(redeeming: Redeeming) -> String {
    html_of(|| form(redeeming))
}

fn form(Redeeming { typed, refused, told }: Redeeming) -> impl IntoView {
    let told = (!told.is_empty()).then(|| view! { <Alert tone=AlertTone::Info text=told /> });
    let error = (!refused.is_empty()).then_some(refused);
    view! {
        <section aria-labelledby="redeem" class="space-y-3">
            <h2 id="redeem" class="text-lg font-semibold">
                {t(Text::RedeemCode)}
            </h2>
            {told}
            <Card>
                <form method="post" action="/dashboard#redeem" class="flex flex-wrap items-start gap-3">
                    <div class="min-w-0 grow basis-60">
                        <Field
                            id="code"
                            name="code"
                            label=t(Text::Code)
                            value=typed
                            required=true
                            autocomplete="off"
                            error
                        />
                    </div>
                    <Button label=t(Text::Redeem) kind="submit" class="sm:mt-6.5" />
                </form>
            </Card>
        </section>
    }
}
