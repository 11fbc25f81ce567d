//! Referrals on `/buy-credits` and `/dashboard`: the user's own link, and the invitation that they opened.

use leptos::prelude::*;

use crate::i18n::{Text, count, count_written, sentences, t};
use crate::payments::server::referrals::Invitation;
use crate::platform::amount::Amount;
use crate::ui::{Button, ButtonVariant, Card, html_of};

/// The invitation that a user opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invited {
    /// The code of its link, which they may accept, and the reward.
    Asked { code: String, credits: Amount },
    /// They have accepted; so many credits come with the first purchase.
    Waits(Amount),
}

/// The user's own link; empty where there is no referral reward.
#[must_use]
pub fn invite_html(invitation: Option<Invitation>) -> String {
    invitation.map_or_else(String::new, |invitation| html_of(|| own_link(invitation)))
}

fn own_link(Invitation { link, credits, most }: Invitation) -> impl IntoView {
    view! {
        <section aria-labelledby="invite" class="space-y-3">
            <h2 id="invite" class="text-lg font-semibold">
                {t(Text::InviteTitle)}
            </h2>
            <Card>
                <p class="text-sm text-ink-soft">
                    {sentences(&count_written(Text::InviteExplained, &credits.as_entry()), &count(Text::InviteLimit, most.into()))}
                </p>
                <p class="mt-3 text-sm">
                    <span class="font-medium">{t(Text::InviteLink)}</span>
                    ": "
                    <a class="font-medium break-all text-accent underline" href=link.clone() rel="external">{link.clone()}</a>
                </p>
            </Card>
        </section>
    }
}

/// The invitation, with the form that accepts it; `kept` are its hidden fields.
pub fn invited_view(invited: Invited, kept: Vec<AnyView>) -> impl IntoView {
    match invited {
        Invited::Waits(credits) => {
            view! { <p class="text-sm font-medium">{count_written(Text::InvitedWaits, &credits.as_entry())}</p> }
                .into_any()
        }
        Invited::Asked { code, credits } => view! {
            <Card>
                <h2 class="text-lg font-semibold">{t(Text::InvitedTitle)}</h2>
                <p class="mt-1 text-sm text-ink-soft">{count_written(Text::InvitedExplained, &credits.as_entry())}</p>
                <form method="post" action="/buy-credits" class="mt-4">
                    <input type="hidden" name="invited" value=code />
                    {kept}
                    <Button label=t(Text::InvitedAccept) kind="submit" variant=ButtonVariant::Primary />
                </form>
            </Card>
        }
        .into_any(),
    }
}
