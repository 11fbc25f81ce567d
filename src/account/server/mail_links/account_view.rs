//! The address on `/account`: HTML of the server, also for pages that the browser shows. Its forms need no script.

use leptos::prelude::*;

use super::views::ChangeFields;
use crate::account::server::store::User;
use crate::i18n::{Text, t};
use crate::platform::mail::is_nobodys;
use crate::ui::{Badge, BadgeTone, Button, ButtonSize, ButtonVariant, Card, html_of};

/// The section.
#[must_use]
pub fn email_html(user: &User) -> String {
    // What stands for an address is none to show or to confirm.
    let email = Some(user.email.clone()).filter(|email| !is_nobodys(email));
    let (is_confirmed, has_password) = (user.email_verified_at.is_some(), user.password_hash.is_some());
    html_of(move || section(email, is_confirmed, has_password))
}

fn section(email: Option<String>, is_confirmed: bool, has_password: bool) -> impl IntoView {
    let (tone, state) = if is_confirmed {
        (BadgeTone::Success, Text::EmailConfirmed)
    } else {
        (BadgeTone::Neutral, Text::EmailUnconfirmed)
    };
    let again = (!is_confirmed && email.is_some()).then(|| {
        view! {
            <p class="text-sm text-ink-soft">{t(Text::EmailUnconfirmedExplained)}</p>
            <form method="post" action="/account/verify-email">
                <Button label=t(Text::SendLinkAgain) kind="submit" size=ButtonSize::Small />
            </form>
        }
    });
    let address = match email {
        Some(email) => view! {
            <p class="flex flex-wrap items-center gap-2">
                <span class="min-w-0 break-words">{email}</span>
                <Badge tone>{t(state)}</Badge>
            </p>
        }
        .into_any(),
        None => view! { <p class="text-sm text-ink-soft">{t(Text::NoEmailYet)}</p> }.into_any(),
    };
    view! {
        <section aria-labelledby="email-address" class="space-y-4">
            <h2 id="email-address" class="text-lg font-semibold">
                {t(Text::Email)}
            </h2>
            <Card>
                <div class="space-y-4">
                    {address}
                    {again}
                    <details>
                        <summary class="cursor-pointer text-sm font-medium text-accent">{t(Text::ChangeEmail)}</summary>
                        <form method="post" action="/account/email" class="mt-4 max-w-sm space-y-4">
                            <p class="text-sm text-ink-soft">{t(Text::ChangeEmailIntro)}</p>
                            <ChangeFields email=String::new() has_password errors=Vec::new() />
                            <Button label=t(Text::ChangeEmail) variant=ButtonVariant::Primary kind="submit" />
                        </form>
                    </details>
                </div>
            </Card>
        </section>
    }
}
