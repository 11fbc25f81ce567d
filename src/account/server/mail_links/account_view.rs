//! The address on `/account`: HTML of the server, also for pages that the browser shows. Its forms need no script.

use leptos::prelude::*;

use super::views::ChangeFields;
use crate::account::server::store::User;
use crate::i18n::{Text, t};
use crate::ui::{Badge, BadgeTone, Button, ButtonSize, ButtonVariant, Card, html_of};

/// The section.
#[must_use]
pub fn email_html(user: &User) -> String {
    let (email, is_confirmed) = (user.email.clone(), user.email_verified_at.is_some());
    html_of(move || section(email, is_confirmed))
}

fn section(email: String, is_confirmed: bool) -> impl IntoView {
    let (tone, state) = if is_confirmed {
        (BadgeTone::Success, Text::EmailConfirmed)
    } else {
        (BadgeTone::Neutral, Text::EmailUnconfirmed)
    };
    let again = (!is_confirmed).then(|| {
        view! {
            <p class="text-sm text-ink-soft">{t(Text::EmailUnconfirmedExplained)}</p>
            <form method="post" action="/account/verify-email">
                <Button label=t(Text::SendLinkAgain) kind="submit" size=ButtonSize::Small />
            </form>
        }
    });
    view! {
        <section aria-labelledby="email-address" class="space-y-4">
            <h2 id="email-address" class="text-lg font-semibold">
                {t(Text::Email)}
            </h2>
            <Card>
                <div class="space-y-4">
                    <p class="flex flex-wrap items-center gap-2">
                        <span class="min-w-0 break-words">{email}</span>
                        <Badge tone>{t(state)}</Badge>
                    </p>
                    {again}
                    <details>
                        <summary class="cursor-pointer text-sm font-medium text-accent">{t(Text::ChangeEmail)}</summary>
                        <form method="post" action="/account/email" class="mt-4 max-w-sm space-y-4">
                            <p class="text-sm text-ink-soft">{t(Text::ChangeEmailIntro)}</p>
                            <ChangeFields email=String::new() errors=Vec::new() />
                            <Button label=t(Text::ChangeEmail) variant=ButtonVariant::Primary kind="submit" />
                        </form>
                    </details>
                </div>
            </Card>
        </section>
    }
}
