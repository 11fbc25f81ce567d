//! Giving back what is not used of a purchase: first what that would be, then a button.

use leptos::prelude::*;

use super::money_text::money_text;
use super::progress_view::Told;
use crate::i18n::{Text, day_text, fill, sentences, t};
use crate::payments::server::RefundPreview;
use crate::platform::error::AppError;
use crate::ui::{Button, ButtonVariant, Card, html_of};

/// The page below its heading. `until` and when it was bought are days of `zone`.
#[must_use]
pub fn refund_html(payment: &str, preview: Result<RefundPreview, AppError>, zone: &jiff::tz::TimeZone) -> String {
    let payment = payment.to_owned();
    match preview {
        Ok(preview) => html_of(|| ask(payment, &preview, zone)),
        Err(error) => {
            let is_nothing =
                error == AppError::Conflict(t(Text::NothingToRefund).to_owned()) || error == AppError::NotFound;
            let title = if is_nothing { Text::NothingToGiveBack } else { Text::DidNotWork };
            let ways = vec![(t(Text::ToYourCredits), "/dashboard".to_owned())];
            html_of(|| view! { <Told title=t(title).to_owned() text=error.to_string() ways /> })
        }
    }
}

fn ask(payment: String, preview: &RefundPreview, zone: &jiff::tz::TimeZone) -> impl IntoView {
    let (money, bought_at) = (money_text(preview.money), day_text(zone, preview.bought_at));
    let (of, credits) = (preview.of.as_entry(), preview.credits.as_entry());
    let values = [("of", &*of), ("day", &*bought_at), ("credits", &*credits), ("money", &*money)];
    let title = fill(Text::RefundPreview, &values);
    let until = fill(Text::RefundUntil, &[("day", &day_text(zone, preview.until))]);
    let label = fill(Text::GiveBackFor, &[("money", &money)]);
    view! {
        <Card class="space-y-5 p-6 sm:p-8">
            <div class="space-y-2">
                <h2 class="text-2xl font-semibold tracking-tight text-balance">{title}</h2>
                <p class="text-pretty text-ink-soft">{sentences(t(Text::RefundExplained), &until)}</p>
            </div>
            <form method="post" action="/buy-credits/refund" class="flex flex-wrap gap-3">
                <input type="hidden" name="payment" value=payment />
                <Button label kind="submit" variant=ButtonVariant::Primary />
                <Button label=t(Text::Cancel) href="/dashboard" />
            </form>
        </Card>
    }
}
