//! The budgets on `/account`: HTML of the server, also for pages that the browser shows. Its forms need no script.

use leptos::prelude::*;

use super::budgets::{BudgetFields, BudgetState, Budgets, RefusedBudget};
use crate::account::ApiKey;
use crate::credits::Period;
use crate::i18n::{Text, fill, t};
use crate::ui::{
    Alert, AlertTone, Badge, BadgeTone, Button, ButtonSize, ButtonVariant, Card, Choice, Field, Select, Timestamp,
    html_of,
};

/// The section, with what was refused of its form.
#[must_use]
pub fn budgets_html(budgets: Budgets, keys: &[ApiKey], refused: RefusedBudget) -> String {
    html_of(|| section(budgets, keys, refused))
}

fn section(budgets: Budgets, keys: &[ApiKey], refused: RefusedBudget) -> impl IntoView {
    let own = keys.to_vec();
    let Budgets { time_zone, budgets } = budgets;
    let entries = budgets.into_iter().map(|budget| view! { <Entry key_name=key_name(&budget, keys) budget /> });
    let entries = entries.collect::<Vec<_>>();
    let list = if entries.is_empty() {
        let none = view! {
            <Card class="px-6 py-8">
                <p class="text-center text-sm text-ink-soft">{t(Text::NoBudgets)}</p>
            </Card>
        };
        none.into_any()
    } else {
        view! { <ul class="divide-y divide-line rounded-md border border-line bg-surface">{entries}</ul> }.into_any()
    };
    view! {
        <section aria-labelledby="budgets" class="space-y-4">
            <div class="space-y-1">
                <h2 id="budgets" class="text-lg font-semibold">
                    {t(Text::Budgets)}
                </h2>
                <p class="text-sm text-ink-soft">{t(Text::BudgetsExplained)}</p>
            </div>
            {list}
            <Card>
                <Form refused time_zone keys=own />
            </Card>
        </section>
    }
}

/// The key that a budget is for; empty where it is for all.
fn key_name(budget: &BudgetState, keys: &[ApiKey]) -> Option<String> {
    let id = budget.key_id.as_ref()?;
    let known = keys.iter().find(|key| key.id == *id);
    Some(known.map_or_else(|| t(Text::RevokedKey).to_owned(), |key| key.name.clone()))
}

pub const fn period_text(period: Period) -> Text {
    match period {
        Period::Day => Text::PerDay,
        Period::Week => Text::PerWeek,
        Period::Month => Text::PerMonth,
    }
}

#[component]
fn Entry(
    /// The budget.
    budget: BudgetState,
    /// The key that it is for.
    #[prop(optional_no_strip)]
    key_name: Option<String>,
) -> impl IntoView {
    let BudgetState { id, period, limit, model, spent, notice, resets_at, set_by_admin, .. } = budget;
    let amounts = [("spent", &*spent.as_price()), ("budget", &*limit.as_balance())];
    let percent = i128::from(spent.micros()) * 100 / i128::from(limit.micros()).max(1);
    let percent = percent.clamp(0, 100).to_string();
    let badge = notice.map(|notice| {
        let (tone, label) = match notice {
            100 => (BadgeTone::Warning, t(Text::BudgetUsedUp).to_owned()),
            more => (BadgeTone::Neutral, fill(Text::BudgetUsed, &[("percent", &more.to_string())])),
        };
        view! { <Badge tone>{label}</Badge> }
    });
    let concerns = [key_name.map(|name| (Text::OfKey, name)), model.map(|model| (Text::OfModel, model))];
    let concerns = concerns.into_iter().flatten();
    let concerns = concerns.map(|(text, name)| view! { <span class="break-all">{t(text)} " " {name}</span> });
    let label = t(period_text(period));
    view! {
        <li class="flex flex-wrap items-start gap-x-4 gap-y-2 px-4 py-3">
            <div class="min-w-0 flex-1 space-y-1.5">
                <p class="flex flex-wrap items-center gap-x-3 gap-y-1">
                    <span class="font-medium">{label}</span>
                    <span class="text-sm text-ink-soft tabular-nums">{fill(Text::SpentOf, &amounts)}</span>
                    {badge}
                    {set_by_admin.then(|| view! { <Badge>{t(Text::SetByAdmin)}</Badge> })}
                </p>
                <progress
                    class="progress block h-2 w-full overflow-hidden rounded-md"
                    max="100"
                    value=percent
                    aria-label=label
                ></progress>
                <p class="flex flex-wrap gap-x-4 text-sm text-ink-soft">
                    {concerns.collect::<Vec<_>>()}
                    <span>{t(Text::ResetsAt)} " " <Timestamp at=resets_at /></span>
                </p>
            </div>
            {(!set_by_admin)
                .then(|| {
                    view! {
                        <form method="post" action="/account">
                            <input type="hidden" name="removeBudget" value=id />
                            <Button label=t(Text::RemoveBudget) size=ButtonSize::Small kind="submit" />
                        </form>
                    }
                })}
        </li>
    }
}

#[component]
fn Form(
    /// The last try; empty if there was none.
    refused: RefusedBudget,
    /// As it is set.
    time_zone: String,
    /// Those that a budget may be for.
    keys: Vec<ApiKey>,
) -> impl IntoView {
    let RefusedBudget { form, field, message } = refused;
    let at = |name: &str| (field == name).then(|| message.clone());
    let fields = ["limit", "keyId", "model", "timeZone"];
    let at_none = !message.is_empty() && !fields.contains(&field.as_str());
    let (limit_error, key_error, model_error, zone_error) = (at("limit"), at("keyId"), at("model"), at("timeZone"));
    let BudgetFields { period, limit, of, model, time_zone: typed } = form;
    let periods = Period::ALL.map(|period| Choice::new(period.as_str(), t(period_text(period)))).to_vec();
    let all = Choice::new("", t(Text::AllSpending));
    let key_choices = std::iter::once(all).chain(keys.into_iter().map(|key| Choice::new(key.id, key.name)));
    let key_choices = key_choices.collect::<Vec<_>>();
    let zone = if typed.is_empty() { time_zone } else { typed };
    view! {
        <form method="post" action="/account" class="space-y-5">
            {at_none.then(|| view! { <Alert tone=AlertTone::Danger text=message.clone() /> })}
            <div class="grid gap-5 @xl:grid-cols-2">
                <Select id="budget-period" name="period" label=t(Text::BudgetPeriod) choices=periods value=period />
                <Field
                    id="budget-limit"
                    name="limit"
                    label=t(Text::LimitInCredits)
                    value=limit
                    required=true
                    error=limit_error
                />
                <Select
                    id="budget-of"
                    name="of"
                    label=t(Text::BudgetFor)
                    choices=key_choices
                    value=of
                    error=key_error
                />
                <Field
                    id="budget-model"
                    name="model"
                    label=t(Text::BudgetModel)
                    value=model
                    hint=t(Text::BudgetModelHint)
                    error=model_error
                />
                <Field
                    id="budget-zone"
                    name="timeZone"
                    label=t(Text::TimeZone)
                    value=zone
                    hint=t(Text::TimeZoneHint)
                    error=zone_error
                />
            </div>
            <Button label=t(Text::SetBudget) variant=ButtonVariant::Primary kind="submit" />
        </form>
    }
}
