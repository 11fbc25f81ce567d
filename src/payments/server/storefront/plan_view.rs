//! The plan of a user on `/dashboard` and `/buy-credits`, with the form that ends it, and the plans that can be subscribed to.

use jiff::tz::TimeZone;
use leptos::prelude::*;

use super::money_text::money_text;
use crate::credits::PlanStatus;
use crate::i18n::{Text, count, count_written, day_text, fill, t};
use crate::payments::server::shop::Plan;
use crate::payments::server::subscriptions::SubscriptionView;
use crate::ui::{Badge, BadgeTone, Button, ButtonVariant, html_of};

/// The plan that a user has; empty where there is none. Days are those of `zone`.
#[must_use]
pub fn plan_html(plan: Option<SubscriptionView>, zone: &TimeZone) -> String {
    plan.map_or_else(String::new, |plan| html_of(|| own_plan(&plan, zone)))
}

/// What its status means, with the day until which it is paid.
fn explained(plan: &SubscriptionView, zone: &TimeZone) -> String {
    let day = plan.until.map(|until| day_text(zone, until));
    let with_day = |text: Text| fill(text, &[("day", day.as_deref().unwrap_or_default())]);
    if let (PlanStatus::Active, Some(next), Some(day)) = (plan.status, &plan.next, &day) {
        return fill(Text::PlanChanges, &[("plan", next), ("day", day)]);
    }
    match (plan.status, &day) {
        (PlanStatus::Active, Some(_)) => with_day(Text::PlanRenews),
        (PlanStatus::Active | PlanStatus::Cancelled | PlanStatus::Prepaid, None) => t(Text::PlanWaits).to_owned(),
        (PlanStatus::PastDue, Some(_)) => with_day(Text::PlanPastDue),
        (PlanStatus::PastDue | PlanStatus::Suspended, None) => t(Text::PlanUnpaid).to_owned(),
        (PlanStatus::Suspended, Some(_)) => with_day(Text::PlanSuspended),
        (PlanStatus::Cancelled | PlanStatus::Prepaid, Some(_)) => with_day(Text::PlanEnds),
    }
}

const fn badge(status: PlanStatus) -> (Text, BadgeTone) {
    match status {
        PlanStatus::Active => (Text::PlanActive, BadgeTone::Success),
        PlanStatus::PastDue => (Text::PlanIsPastDue, BadgeTone::Warning),
        PlanStatus::Suspended => (Text::PlanIsSuspended, BadgeTone::Warning),
        PlanStatus::Cancelled => (Text::PlanIsCancelled, BadgeTone::Neutral),
        PlanStatus::Prepaid => (Text::PlanIsPrepaid, BadgeTone::Success),
    }
}

fn own_plan(plan: &SubscriptionView, zone: &TimeZone) -> impl IntoView + use<> {
    let (status, tone) = badge(plan.status);
    let explained = explained(plan, zone);
    let ends = plan.plan.is_some().then(|| {
        view! {
            <form method="post" action="/buy-credits">
                <input type="hidden" name="end" value="subscription" />
                <Button label=t(Text::CancelSubscription) kind="submit" />
            </form>
        }
    });
    view! {
        <section aria-labelledby="plan" class="space-y-3">
            <h2 id="plan" class="text-lg font-semibold">
                {t(Text::YourPlan)}
            </h2>
            <div class="flex flex-wrap items-center gap-x-4 gap-y-3 rounded-md border border-line bg-surface p-4">
                <span class="font-medium break-words">{plan.name.clone()}</span>
                <Badge tone>{t(status)}</Badge>
                <span class="min-w-0 grow text-sm text-ink-soft">{explained}</span>
                {ends}
            </div>
        </section>
    }
}

/// The plans that are sold; `own` is the id of the one that the user is subscribed to, `back` where they came from.
pub fn plans(plans: &[Plan], own: Option<&str>, back: Option<&str>) -> impl IntoView + use<> {
    let cards = plans.iter().map(|plan| card(plan, own, back)).collect::<Vec<_>>();
    (!cards.is_empty()).then(|| {
        view! {
            <section aria-labelledby="plans" class="space-y-3">
                <h2 id="plans" class="text-lg font-semibold">
                    {t(Text::Subscriptions)}
                </h2>
                <ul class="grid grid-cols-[repeat(auto-fit,minmax(min(100%,15rem),1fr))] gap-4">{cards}</ul>
                <p class="text-sm text-ink-soft">{t(Text::SubscriptionTerms)}</p>
            </section>
        }
    })
}

fn card(plan: &Plan, own: Option<&str>, back: Option<&str>) -> impl IntoView + use<> {
    let price = fill(Text::PriceAMonth, &[("price", &money_text(plan.price))]);
    let credits = count_written(Text::CreditsAMonth, &plan.credits.as_entry());
    let pace = count(Text::PlanPace, plan.per_minute.into());
    let is_own = own == Some(&*plan.id);
    let (label, variant) = match own {
        None => (Text::Subscribe, ButtonVariant::Primary),
        Some(_) => (Text::ChangePlan, ButtonVariant::Secondary),
    };
    let action = if is_own {
        view! { <p class="text-sm font-medium">{t(Text::YourPlan)}</p> }.into_any()
    } else {
        let back = back.map(|back| view! { <input type="hidden" name="from" value=back.to_owned() /> });
        view! {
            <form method="post" action="/buy-credits" aria-label=plan.name.clone()>
                <input type="hidden" name="plan" value=plan.id.clone() />
                <input type="hidden" name="shown" value=plan.offer() />
                {back}
                <Button label=t(label) kind="submit" variant class="w-full" />
            </form>
        }
        .into_any()
    };
    view! {
        <li class="flex flex-col gap-4 rounded-md border border-line bg-surface p-5">
            <h3 class="text-xl font-semibold break-words">{plan.name.clone()}</h3>
            <p class="text-2xl font-semibold tracking-tight tabular-nums">{price}</p>
            <ul class="flex-1 space-y-1 text-sm text-ink-soft tabular-nums">
                <li>{credits}</li>
                <li>{pace}</li>
            </ul>
            {action}
        </li>
    }
}
