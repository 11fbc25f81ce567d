//! What one comes back to from the provider, whatever became of the payment there.

use jiff::tz::TimeZone;
use leptos::prelude::*;

use crate::i18n::{Text, count_written, day_text, fill, t};
use crate::payments::server::Progress;
use crate::payments::server::subscriptions::SubscriptionProgress;
use crate::platform::amount::Amount;
use crate::platform::error::AppError;
use crate::ui::{Button, ButtonVariant, Card, html_of};

/// How soon a page looks again that waits, in seconds.
pub const AGAIN: u32 = 5;

/// What came of a purchase.
pub struct ProgressView {
    pub progress: Result<Progress, AppError>,
    pub available: Amount,
    /// The number of the receipt, where there is one.
    pub receipt: Option<String>,
    /// Where one came from before the purchase.
    pub back: Option<String>,
}

/// Where one can go from here: label and address.
type Ways = Vec<(&'static str, String)>;

/// The page below its heading.
#[must_use]
pub fn progress_html(view: ProgressView) -> String {
    html_of(|| page(view))
}

/// A calm page where somebody turned around at the provider.
#[must_use]
pub fn cancel_html(back: Option<String>) -> String {
    let ways = vec![(t(Text::ChooseAgain), buy_address(back.as_deref()))];
    html_of(
        || view! { <Told title=t(Text::NothingBought).to_owned() text=t(Text::NothingWasCharged).to_owned() ways=with_back(ways, back) /> },
    )
}

fn buy_address(back: Option<&str>) -> String {
    crate::platform::query::address("/buy-credits", &[("from", back.unwrap_or_default())])
}

/// Where one goes on with what was bought.
fn way_on(back: Option<String>) -> (&'static str, String) {
    match back {
        Some(back) => (t(Text::BackToYourText), back),
        None => (t(Text::ToTheChat), "/chat".to_owned()),
    }
}

fn with_back(mut ways: Ways, back: Option<String>) -> Ways {
    ways.extend(back.map(|back| (t(Text::BackToYourText), back)));
    ways
}

fn page(view: ProgressView) -> impl IntoView {
    let ProgressView { progress, available, receipt, back } = view;
    let again = || (t(Text::ChooseAgain), buy_address(back.as_deref()));
    let waits = matches!(progress, Ok(Progress::Pending) | Err(AppError::Unavailable | AppError::RateLimited { .. }));
    let (title, text, ways) = match progress {
        Ok(Progress::Credited { credits }) => {
            let mut ways = vec![way_on(back.clone())];
            ways.extend(receipt.map(|number| (t(Text::SeeReceipt), format!("/receipts/{number}"))));
            let title = count_written(Text::CreditsAreYours, &credits.as_entry());
            return told(title, count_written(Text::YouHaveCredits, &available.as_balance()), ways, false);
        }
        Ok(Progress::Pending) => (Text::PaymentChecked, Text::PaymentCheckedExplained, vec![]),
        Ok(Progress::Declined { again_url }) => {
            let other = again_url.map(|url| (t(Text::PayOtherwise), url));
            (Text::PaymentDeclined, Text::PaymentDeclinedExplained, other.into_iter().chain([again()]).collect())
        }
        Ok(Progress::NotApproved { approve_url }) => {
            let on = approve_url.map(|url| (t(Text::GoOnPaying), url));
            (Text::PaymentNotAgreed, Text::PaymentNotAgreedExplained, on.into_iter().chain([again()]).collect())
        }
        Ok(Progress::Dead) => (Text::PaymentDead, Text::PaymentDeadExplained, vec![again()]),
        Err(AppError::NotFound) => (Text::NoSuchPurchase, Text::NoSuchPurchaseExplained, vec![again()]),
        Err(AppError::Unavailable | AppError::RateLimited { .. }) => {
            (Text::PaymentUnknown, Text::PaymentUnknownExplained, vec![])
        }
        Err(error) => return told(t(Text::DidNotWork).to_owned(), error.to_string(), vec![again()], false),
    };
    told(t(title).to_owned(), t(text).to_owned(), if waits { with_back(ways, back) } else { ways }, waits)
}

/// What came of a subscription; `back` is where one came from before, and days are those of `zone`.
#[must_use]
pub fn subscription_html(
    progress: Result<SubscriptionProgress, AppError>,
    back: Option<String>,
    zone: &TimeZone,
) -> String {
    let again = || vec![(t(Text::ChooseAgain), buy_address(back.as_deref()))];
    let waits = subscription_waits(&progress);
    let (title, text, ways) = match progress {
        Ok(SubscriptionProgress::Active { name, credits, until }) => {
            let title = fill(Text::SubscriptionBegun, &[("plan", &name)]);
            let credits = count_written(Text::CreditsCount, &credits.as_entry());
            let day = day_text(zone, until);
            let text = fill(Text::SubscriptionBegunExplained, &[("credits", &credits), ("day", &day)]);
            let ways = vec![way_on(back), (t(Text::ToYourCredits), "/dashboard".to_owned())];
            return html_of(|| told(title, text, ways, false));
        }
        Ok(SubscriptionProgress::Changes { name, credits, on }) => {
            let title = fill(Text::SubscriptionChanges, &[("plan", &name), ("day", &day_text(zone, on))]);
            let credits = count_written(Text::CreditsCount, &credits.as_entry());
            let text = fill(Text::SubscriptionChangesExplained, &[("credits", &credits)]);
            let ways = vec![way_on(back), (t(Text::ToYourCredits), "/dashboard".to_owned())];
            return html_of(|| told(title, text, ways, false));
        }
        Ok(SubscriptionProgress::Pending) => {
            (Text::SubscriptionPending, Text::SubscriptionPendingExplained, Vec::new())
        }
        Ok(SubscriptionProgress::NotApproved { approve_url }) => {
            let on = approve_url.map(|url| (t(Text::GoOnPaying), url));
            let ways = on.into_iter().chain(again()).collect();
            (Text::SubscriptionNotAgreed, Text::SubscriptionNotAgreedExplained, ways)
        }
        Ok(SubscriptionProgress::Dead) | Err(AppError::NotFound) => {
            (Text::SubscriptionDead, Text::SubscriptionDeadExplained, again())
        }
        Err(AppError::Unavailable | AppError::RateLimited { .. }) => {
            (Text::PaymentUnknown, Text::PaymentUnknownExplained, Vec::new())
        }
        Err(error) => return html_of(|| told(t(Text::DidNotWork).to_owned(), error.to_string(), again(), false)),
    };
    let ways = if waits { with_back(ways, back) } else { ways };
    html_of(|| told(t(title).to_owned(), t(text).to_owned(), ways, waits))
}

/// Whether a page looks again by itself.
pub const fn subscription_waits(progress: &Result<SubscriptionProgress, AppError>) -> bool {
    matches!(progress, Ok(SubscriptionProgress::Pending) | Err(AppError::Unavailable | AppError::RateLimited { .. }))
}

fn told(title: String, text: String, ways: Ways, waits: bool) -> AnyView {
    // Without a script the page loads itself again.
    let again = waits.then(|| {
        let seconds = AGAIN.to_string();
        view! { <noscript inner_html=Some(format!("<meta http-equiv='refresh' content='{seconds}'>"))></noscript> }
    });
    view! {
        {again}
        <Told title text ways />
    }
    .into_any()
}

/// A few words, and the ways on.
#[component]
pub fn Told(
    /// What happened.
    title: String,
    /// What it means.
    text: String,
    /// The first one is what most will want.
    ways: Ways,
) -> impl IntoView {
    let buttons = ways.into_iter().enumerate().map(|(n, (label, href))| {
        let variant = if n == 0 { ButtonVariant::Primary } else { ButtonVariant::Secondary };
        view! { <Button label href variant /> }
    });
    view! {
        <Card class="space-y-5 p-6 sm:p-8">
            <div class="space-y-2" role="status">
                <h2 class="text-2xl font-semibold tracking-tight text-balance">{title}</h2>
                <p class="text-pretty text-ink-soft">{text}</p>
            </div>
            <div class="flex flex-wrap gap-3">{buttons.collect::<Vec<_>>()}</div>
        </Card>
    }
}

/// While the browser leaves for the provider.
#[must_use]
pub fn leaving_text(provider: &str) -> String {
    fill(Text::LeavingFor, &[("provider", provider)])
}
