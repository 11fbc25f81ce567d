//! The packs, as a page that needs no script.

use std::sync::Arc;

use leptos::prelude::*;

use super::invite_view::{Invited, invite_html, invited_view};
use super::money_text::{money_text, per_credit};
use super::plan_view::{plan_html, plans};
use super::reach::{Usual, lasts};
use crate::i18n::{Text, count, count_written, day_text, fill, sentences, t};
use crate::payments::server::papers::{BuyerFields, RefusedBuyer};
use crate::payments::server::referrals::Invitation;
use crate::payments::server::shop::{Catalog, OnTop, Pack};
use crate::payments::server::subscriptions::SubscriptionView;
use crate::platform::amount::Amount;
use crate::platform::time::DAY;
use crate::ui::{Alert, AlertTone, Badge, BadgeTone, Button, ButtonVariant, Card, Field, html_of, in_text_area};

/// What the page shows.
pub struct BuyView {
    pub catalog: Arc<Catalog>,
    /// Whether anything can be bought here.
    pub is_open: bool,
    /// Why nothing new can be bought at the moment.
    pub switched_off: Option<String>,
    pub available: Amount,
    /// In the last days.
    pub spent: Amount,
    pub usual: Vec<Usual>,
    /// Where one came from; a path of this site.
    pub back: Option<String>,
    /// Whom to ask.
    pub contact: Option<String>,
    /// What is on papers, or was refused.
    pub buyer: RefusedBuyer,
    /// Why nothing was bought.
    pub problem: Option<String>,
    /// The plan that somebody has.
    pub plan: Option<SubscriptionView>,
    /// Whether plans can be subscribed to.
    pub has_plans: bool,
    /// The bonus of each pack, in their order.
    pub on_top: Vec<Option<OnTop>>,
    /// What there is for bringing others.
    pub invitation: Option<Invitation>,
    pub invited: Option<Invited>,
}

/// The whole page below its heading.
#[must_use]
pub fn buy_html(view: BuyView) -> String {
    html_of(|| page(view))
}

fn page(view: BuyView) -> impl IntoView {
    let BuyView {
        catalog,
        is_open,
        switched_off,
        available,
        spent,
        usual,
        back,
        contact,
        buyer,
        problem,
        plan,
        has_plans,
        on_top,
        invitation,
        invited,
    } = view;
    // Said once, after a form too.
    let problem = problem.filter(|_| switched_off.is_none());
    let balance = count_written(Text::YouHaveCredits, &available.as_balance());
    let own = plan_html(plan.clone(), &catalog.seller.zone());
    let packs = (is_open && switched_off.is_none()).then(|| {
        let code = match &invited {
            Some(Invited::Asked { code, .. }) => Some(code.clone()),
            _ => None,
        };
        let way_back = [("from", back.clone())];
        let kept = [("from", back.clone()), ("invited", code.clone())];
        let came_by = [("from", back.clone()), ("came_by", code)];
        let cards = catalog.packs.iter().zip(on_top).map(|(pack, on_top)| {
            let shown = pack.offer(on_top.as_ref());
            let on_top = on_top.map(|on_top| on_top_lines(&on_top, &catalog));
            pack_card(pack, &usual, on_top.unwrap_or_default(), &[kept.as_slice(), &[("shown", Some(shown))]].concat())
        });
        let cards = cards.collect::<Vec<_>>();
        view! {
            {invited.map(|invited| invited_view(invited, hidden_fields(&way_back)))}
            <ul class="grid grid-cols-[repeat(auto-fit,minmax(min(100%,15rem),1fr))] gap-4">{cards}</ul>
            <ul class="space-y-1 text-sm text-ink-soft">{terms(&catalog)}</ul>
            {has_plans.then(|| plans(&catalog.plans, plan.as_ref().and_then(|plan| plan.plan.as_deref()), back.as_deref()))}
            <Billing refused=buyer kept=hidden_fields(&came_by) />
            <div inner_html=Some(invite_html(invitation))></div>
        }
    });
    view! {
        <div class="flex flex-wrap items-center justify-between gap-4">
            <p class="text-ink-soft">{sentences(&balance, &lasts(available, spent))}</p>
            {back.map(|href| view! { <Button href label=t(Text::BackToYourText) /> })}
        </div>
        {problem.map(|text| view! { <Alert tone=AlertTone::Danger text /> })}
        {switched_off.map(|text| view! { <Alert text /> })}
        {(!is_open).then(|| view! { <Closed contact /> })}
        <div inner_html=Some(own)></div>
        {packs}
        <p class="text-sm">
            <a class="font-medium text-accent underline" href="/dashboard">
                {t(Text::PurchasesAndReceipts)}
            </a>
        </p>
    }
}

/// The hidden fields of a form.
fn hidden_fields(fields: &[(&'static str, Option<String>)]) -> Vec<AnyView> {
    let known = fields.iter().filter_map(|(name, value)| Some((*name, value.clone()?)));
    known.map(|(name, value)| view! { <input type="hidden" name=name value=value /> }.into_any()).collect()
}

/// A bonus, until when it can be had, and how long its credits last.
fn on_top_lines(on_top: &OnTop, catalog: &Catalog) -> Vec<String> {
    let credits = on_top.credits.as_entry();
    // What is stored is the first moment at which it is over.
    let day = on_top.until.map(|until| day_text(&catalog.seller.zone(), until - 1));
    let first = match &day {
        Some(day) => fill(Text::BonusOnTopUntil, &[("credits", &credits), ("name", &on_top.name), ("day", day)]),
        None => fill(Text::BonusOnTop, &[("credits", &credits), ("name", &on_top.name)]),
    };
    let lasts = on_top.lasts.map(|lasts| count(Text::BonusLasts, u64::try_from(lasts / DAY).unwrap_or_default()));
    [Some(first), lasts].into_iter().flatten().collect()
}

fn pack_card(
    pack: &Pack,
    usual: &[Usual],
    on_top: Vec<String>,
    kept: &[(&'static str, Option<String>)],
) -> impl IntoView + use<> {
    let (total, price) = (pack.total(), money_text(pack.price));
    let credits = count_written(Text::CreditsCount, &total.as_entry());
    let each = fill(Text::PerCredit, &[("price", &per_credit(pack.price, total))]);
    let bonus = pack.bonus.is_positive().then(|| {
        let text = fill(Text::BonusCredits, &[("credits", &pack.bonus.as_entry())]);
        view! { <Badge tone=BadgeTone::Success>{text}</Badge> }
    });
    let name =
        pack.has_name().then(|| view! { <p class="font-medium break-words text-ink-soft">{pack.name.clone()}</p> });
    let on_top = on_top.into_iter().map(|text| view! { <li class="font-medium break-words text-ink">{text}</li> });
    let on_top = on_top.collect::<Vec<_>>();
    let kept = hidden_fields(kept);
    let buys = usual.iter().map(|usual| view! { <li class="break-words">{usual.bought_with(total)}</li> });
    let label = fill(Text::BuyFor, &[("price", &price)]);
    view! {
        <li class="flex flex-col gap-4 rounded-md border border-line bg-surface p-5">
            <div class="space-y-1">
                {name} <div class="flex flex-wrap items-center gap-2">
                    <h2 class="text-xl font-semibold tabular-nums">{credits.clone()}</h2>
                    {bonus}
                </div>
            </div>
            <p class="tabular-nums">
                <span class="block text-3xl font-semibold tracking-tight">{price}</span>
                <span class="block text-sm text-ink-soft">{each}</span>
            </p>
            <ul class="flex-1 space-y-1 text-sm text-ink-soft tabular-nums">{on_top} {buys.collect::<Vec<_>>()}</ul>
            <form method="post" action="/buy-credits" aria-label=credits>
                <input type="hidden" name="pack" value=pack.id.clone() />
                {kept}
                <Button label kind="submit" variant=ButtonVariant::Primary class="w-full" />
            </form>
        </li>
    }
}

/// On which terms it is bought.
fn terms(catalog: &Catalog) -> Vec<AnyView> {
    let mut terms = vec![t(Text::PayAtProvider).to_owned()];
    if !catalog.taxes.name.is_empty() {
        terms.push(fill(Text::PricesIncludeTax, &[("tax", &catalog.taxes.name)]));
    }
    if catalog.refund_days > 0 {
        terms.push(count(Text::RefundableFor, catalog.refund_days.into()));
    }
    terms.into_iter().map(|text| view! { <li>{text}</li> }.into_any()).collect()
}

/// Nothing is sold here.
#[component]
fn Closed(
    /// Whom to ask.
    #[prop(optional_no_strip)]
    contact: Option<String>,
) -> impl IntoView {
    let text = match contact {
        None => t(Text::AskTheOperator).to_owned(),
        // Neither has anything in it that is special in HTML but `&` (platform/site.rs).
        Some(contact) => {
            let contact = contact.replace('&', "&amp;");
            let scheme = if contact.contains("://") { "" } else { "mailto:" };
            let link = format!(
                "<a class='font-medium break-words text-accent underline' href='{scheme}{contact}'>{contact}</a>"
            );
            fill(Text::WriteToTheOperator, &[("contact", &link)])
        }
    };
    view! {
        <Card>
            <h2 class="text-lg font-semibold">{t(Text::NothingSoldHere)}</h2>
            <p class="mt-1 text-ink-soft" inner_html=Some(text)></p>
        </Card>
    }
}

/// What is on papers.
#[component]
fn Billing(
    /// As it is, or as it was sent.
    refused: RefusedBuyer,
    /// What the address says comes back with it.
    kept: Vec<AnyView>,
) -> impl IntoView {
    let RefusedBuyer { fields, field, message } = refused;
    let at = |name: &str| (field == name).then(|| message.clone());
    let (name_error, country_error, tax_error) = (at("billingName"), at("billingCountry"), at("billingTaxId"));
    let address_error = at("billingAddress").map(|text| view! { <Alert tone=AlertTone::Danger text /> });
    let BuyerFields { name, address, country, tax_id } = fields;
    let whose = name.clone();
    let address = in_text_area(&address);
    view! {
        <details class="rounded-md border border-line bg-surface" open=!field.is_empty()>
            <summary class="rounded-md px-5 py-3 font-medium break-words">
                {t(Text::BillingDetails)} <span class="ml-2 font-normal text-ink-soft" dir="auto">{whose}</span>
            </summary>
            <form method="post" action="/buy-credits" class="space-y-5 px-5 pb-5">
                <p class="text-sm text-ink-soft">{t(Text::BillingExplained)}</p>
                <Field id="billing-name" name="billingName" label=t(Text::BillingName) value=name error=name_error autocomplete="organization" max_chars=90 />
                <div class="space-y-1.5">
                    <label for="billing-address" class="block text-sm font-medium">{t(Text::BillingAddress)}</label>
                    <textarea
                        id="billing-address"
                        name="billingAddress"
                        rows="4"
                        autocomplete="street-address"
                        class="block w-full rounded-md border border-line-strong bg-surface px-3 py-2 text-sm"
                        inner_html=Some(address)
                    ></textarea>
                    {address_error}
                </div>
                <div class="grid grid-cols-[repeat(auto-fit,minmax(min(100%,14rem),1fr))] gap-5">
                    <Field id="billing-country" name="billingCountry" label=t(Text::BillingCountry) value=country hint=t(Text::BillingCountryHint) error=country_error autocomplete="country" max_chars=2 />
                    <Field id="billing-tax-id" name="billingTaxId" label=t(Text::BillingTaxId) value=tax_id error=tax_error max_chars=40 />
                </div>
                {kept}
                <Button label=t(Text::SaveBilling) kind="submit" />
            </form>
        </details>
    }
}
