//! What somebody bought, on `/dashboard`.

use std::collections::HashMap;

use async_trait::async_trait;
use leptos::prelude::*;

use super::invite_view::invite_html;
use super::money_text::money_text;
use super::plan_view::plan_html;
use crate::credits::PlanState;
use crate::credits::server::Purchases;
use crate::i18n::{Text, count_written, fill, t};
use crate::payments::server::Payments;
use crate::payments::server::subscriptions::SubscriptionView;
use crate::payments::{PaymentState, PaymentView};
use crate::platform::error::AppResult;
use crate::platform::ids::{PaymentId, UserId};
use crate::ui::{Badge, BadgeTone, Timestamp, html_of};

/// Purchases that are listed, and papers that are looked for.
const SHOWN: usize = 50;
const PAPERS: usize = 100;

/// The list of purchases.
pub struct ShownPurchases {
    pub payments: Payments,
}

#[async_trait]
impl Purchases for ShownPurchases {
    async fn section(&self, user: UserId) -> AppResult<(String, Option<PlanState>)> {
        let (payments, now) = (&self.payments, self.payments.database.now());
        let days = payments.shop.now().refund_days;
        let stored = async { Ok(payments.store.list(user, PaymentId::max(), SHOWN).await?) };
        let (plan, stored, invitation) = tokio::try_join!(payments.view_plan(user), stored, payments.invitation(user))?;
        let invitation = invite_html(invitation);
        let state = plan.as_ref().map(SubscriptionView::state).transpose()?;
        let plan = plan_html(plan, &payments.shop.now().seller.zone());
        let views = stored.iter().map(|payment| payment.view(days, now)).collect::<Result<Vec<_>, _>>()?;
        // What nobody paid for is nothing that was bought.
        let is_bought = |view: &PaymentView| !matches!(view.state, PaymentState::Created | PaymentState::Abandoned);
        let views: Vec<_> = views.into_iter().filter(is_bought).collect();
        if views.is_empty() {
            return Ok((plan + &invitation, state));
        }
        let mut papers: HashMap<String, Vec<String>> = HashMap::new();
        for paper in payments.papers.list(user, None, PAPERS).await?.items {
            papers.entry(paper.payment.to_string()).or_default().push(paper.number.to_string());
        }
        let lines = views.into_iter().map(|view| (papers.remove(&view.id).unwrap_or_default(), view)).collect();
        Ok((plan + &html_of(|| section(lines)) + &invitation, state))
    }

    async fn plan(&self, user: UserId) -> AppResult<Option<PlanState>> {
        Ok(self.payments.view_plan(user).await?.map(|plan| plan.state()).transpose()?)
    }
}

const fn state_text(state: PaymentState) -> (Text, BadgeTone) {
    match state {
        PaymentState::Credited => (Text::PurchasePaid, BadgeTone::Success),
        PaymentState::Declined => (Text::PurchaseDeclined, BadgeTone::Warning),
        PaymentState::Rejected => (Text::PurchaseLookedAt, BadgeTone::Warning),
        PaymentState::Created | PaymentState::Pending | PaymentState::Captured | PaymentState::Abandoned => {
            (Text::PurchaseWaits, BadgeTone::Neutral)
        }
    }
}

fn section(lines: Vec<(Vec<String>, PaymentView)>) -> impl IntoView {
    let line = |(mut papers, view): (Vec<String>, PaymentView)| {
        let disputed = view.disputed.then_some((Text::PurchaseDisputed, BadgeTone::Warning));
        let (state, tone) = disputed.unwrap_or_else(|| state_text(view.state));
        let back = (view.refunded.minor > 0).then(|| {
            let text = fill(Text::PurchaseRefunded, &[("money", &money_text(view.refunded))]);
            view! { <Badge>{text}</Badge> }
        });
        let bonus = view.bonus.map(|bonus| {
            let name = view.bonus_name.as_deref().unwrap_or_default();
            let text = fill(Text::BonusOnTop, &[("credits", &bonus.as_entry()), ("name", name)]);
            view! { <Badge tone=BadgeTone::Success>{text}</Badge> }
        });
        // The receipt comes before what changed it.
        papers.reverse();
        let papers = papers.into_iter().map(|number| {
            let href = format!("/receipts/{number}");
            view! { <a class="font-medium text-accent underline tabular-nums" rel="external" href=href>{number}</a> }
        });
        let refund = view.refund_until.is_some().then(|| {
            let href = format!("/buy-credits/refund?payment={}", view.id);
            view! { <a class="font-medium text-accent underline" href=href>{t(Text::GiveBack)}</a> }
        });
        view! {
            <li class="flex flex-wrap items-baseline gap-x-4 gap-y-1 px-4 py-2.5 text-sm">
                <span class="font-medium tabular-nums">{count_written(Text::CreditsCount, &view.credits.as_entry())}</span>
                <span class="tabular-nums">{money_text(view.price)}</span>
                <Badge tone>{t(state)}</Badge>
                {bonus}
                {back}
                {papers.collect::<Vec<_>>()}
                {refund}
                <span class="basis-full text-ink-soft sm:ml-auto sm:basis-auto"><Timestamp at=view.created_at /></span>
            </li>
        }
    };
    view! {
        <section aria-labelledby="purchases" class="space-y-3">
            <h2 id="purchases" class="text-lg font-semibold">
                {t(Text::Purchases)}
            </h2>
            <ol class="divide-y divide-line rounded-md border border-line bg-surface">
                {lines.into_iter().map(line).collect::<Vec<_>>()}
            </ol>
        </section>
    }
}
