//! Credits every month: each payment once, whoever hears of it, how often and in whatever order, and nobody without a result.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tessera::account::server::plans::{Standing, standing};
use tessera::app::stores::Stores;
use tessera::credits::{Balance, EntryKind, Origin, PlanStatus};
use tessera::payments::server::papers::PaperKind;
use tessera::payments::server::provider::{CaptureStatus, DisputeState, EventKind};
use tessera::payments::server::shop::{Catalog, Shop};
use tessera::payments::server::store::Saved;
use tessera::payments::server::subscriptions::{Subscription, SubscriptionProgress, SubscriptionStatus};
use tessera::platform::amount::Amount;
use tessera::platform::data_file::DataFile;
use tessera::platform::error::AppError;
use tessera::platform::ids::UserId;
use tessera::platform::money::{Currency, Money};
use tessera::platform::time::{DAY, HOUR};

use crate::contracts::{self, over_every_store};
use crate::fake_provider::{FakeProvider, event};
use crate::ledger::credits;
use crate::payments::{Till, dollars};
use crate::support::assert_audit_is_clean;

/// Two plans: 500 credits for 15 dollars, and 1,200 for 30.
fn shop() -> Shop {
    let text = r#"
        [[plan]]
        id = "plus"
        name = "Plus"
        credits = 500
        price = "15.00"
        [[plan]]
        id = "pro"
        name = "Pro"
        credits = 1200
        price = "30.00"
        requests_per_minute = 120
    "#;
    Shop::new(DataFile::new(None, "packs.toml"), Catalog::parse(text, "packs.toml").unwrap(), None)
}

pub fn open(stores: &Stores) -> Till {
    Till::selling(stores, Arc::new(FakeProvider::default()), shop())
}

impl Till {
    fn now(&self) -> i64 {
        self.stores.database.now()
    }

    /// Chosen and agreed to; nothing is paid yet.
    async fn agreed(&self, user: UserId) -> String {
        let id = self.payments.subscribe(user, "plus").await.unwrap().subscription_id;
        self.provider.recurring.approve(&id);
        id
    }

    /// Paid for the first time at a moment.
    async fn subscribed_at(&self, user: UserId, at: i64) -> String {
        let id = self.agreed(user).await;
        let paid = self.provider.recurring.charge(&id, at);
        self.hear(paid).await;
        id
    }

    async fn subscription(&self, id: &str) -> Subscription {
        self.stores.subscriptions.find_by_provider(id).await.unwrap().unwrap()
    }

    async fn plan(&self, user: UserId, now: i64) -> Option<Standing> {
        standing(self.stores.plans.periods(user).await.unwrap(), now)
    }

    /// What is left of the credits of plans.
    async fn of_plans(&self, user: UserId) -> Amount {
        let account = self.stores.credits.account(user.into(), "r").await.unwrap();
        account.lots.as_slice().iter().filter(|lot| lot.origin == Origin::Plan).map(|lot| lot.left).sum()
    }

    /// The sales of a subscription began so much earlier.
    async fn made_long_ago(&self, id: &str, by: i64) {
        let mut known = self.subscription(id).await;
        known.created_at -= by;
        known.look_at = Some(0);
        assert_eq!(self.stores.subscriptions.save(&known).await.unwrap(), Saved::Yes);
    }
}

over_every_store! {
    async fn fifty_deliveries_of_one_sale_credit_it_once(stores) {
        let tills = [open(&stores)];
        let tills = [tills[0].restarted(), tills[0].restarted()];
        for round in 0..2 {
            let user = UserId::now_v7();
            let id = tills[0].agreed(user).await;
            let paid = tills[0].provider.recurring.charge(&id, tills[0].now() - HOUR);
            tills[0].provider.recurring.set_list_behind(round == 1);
            let began = EventKind::Subscription { id: id.clone() };
            let same = event(paid.clone());
            let deliveries: Vec<_> = (0..50).map(|n| {
                let (payments, id) = (tills[n % 2].payments.clone(), id.clone());
                let (same, paid, began) = (same.clone(), paid.clone(), began.clone());
                tokio::spawn(async move {
                    match n % 5 {
                        0 => drop(payments.finish_subscription(user, &id).await.unwrap()),
                        1 => payments.handle(same).await.unwrap(),
                        2 => payments.reconcile().await.unwrap(),
                        3 => payments.handle(event(paid)).await.unwrap(),
                        _ => payments.handle(event(began)).await.unwrap(),
                    }
                })
            }).collect();
            for delivery in deliveries { delivery.await.unwrap(); }
            let till = &tills[0];
            assert_eq!(till.available(user).await, credits(510));
            assert_eq!(till.entries(user, EntryKind::Grant).await, [credits(10), credits(500)]);
            let receipts = stores.papers.list(user, None, 10).await.unwrap().unwrap().items;
            assert_eq!(receipts.iter().map(|paper| paper.number.kind).collect::<Vec<_>>(), [PaperKind::Receipt]);
            assert_eq!((till.subscription(&id).await.sales.len(), tills[0].alerts(), tills[1].alerts()), (1, 0, 0));
            tills[0].provider.recurring.set_list_behind(false);
        }
    }

    async fn each_month_has_its_lot_and_what_else_there_is_survives(stores) {
        let till = open(&stores);
        let user = UserId::now_v7();
        let now = till.now();
        // Five days before the first month is over.
        let id = till.subscribed_at(user, now - 25 * DAY).await;
        till.purchase_of(user, "500").await;
        assert_eq!(till.available(user).await, credits(1010));
        let progress = till.payments.finish_subscription(user, &id).await.unwrap();
        let SubscriptionProgress::Active { name, credits: monthly, until } = progress else { panic!("{progress:?}") };
        assert_eq!((name.as_str(), monthly), ("Plus", credits(500)));
        let account = stores.credits.account(user.into(), "r").await.unwrap();
        let lot = account.lots.as_slice().iter().find(|lot| lot.origin == Origin::Plan).unwrap().clone();
        assert_eq!((lot.expires_at, lot.paid.unwrap().micros), (Some(until), 15_000_000));
        assert!((until - now) > 2 * DAY && (until - now) < 7 * DAY, "{until}");
        assert_eq!(till.plan(user, now).await.unwrap().per_minute, 60);
        // The plan's are used first, as they end first. A second payment brings a lot of its own.
        till.spend(user, 100).await;
        let paid = till.provider.recurring.charge(&id, now - HOUR);
        for _ in 0..3 { till.hear(paid.clone()).await; }
        assert_eq!(till.of_plans(user).await, credits(900));
        let origins: Vec<_> = stores.credits.account(user.into(), "r").await.unwrap().lots.as_slice().iter()
            .map(|lot| (lot.origin, lot.left)).collect();
        assert_eq!(origins, [(Origin::Plan, credits(400)), (Origin::Plan, credits(500)), (Origin::Promo, credits(10)), (Origin::Bought, credits(500))]);
        let view = till.payments.view_plan(user).await.unwrap().unwrap();
        assert_eq!((view.status, view.renews, view.plan.as_deref()), (PlanStatus::Active, true, Some("plus")));
        assert_eq!(till.alerts(), 0);
    }

    async fn what_is_not_as_agreed_is_never_credited_and_calls_once(stores) {
        type Change = fn(&mut tessera::payments::server::subscriptions::Sale);
        let wrong: [(&str, Change); 3] = [
            ("amount", |sale| sale.amount = dollars(1499)),
            ("currency", |sale| sale.amount = Money::new(1500, Currency::parse("EUR").unwrap())),
            ("subscription", |sale| sale.subscription_id = Some("I-other".into())),
        ];
        for (what, change) in wrong {
            let till = open(&stores);
            let user = UserId::now_v7();
            let id = till.agreed(user).await;
            let paid = till.provider.recurring.charge(&id, till.now());
            till.provider.recurring.tamper_sale(&id, 0, change);
            for _ in 0..3 {
                till.hear(paid.clone()).await;
                till.payments.finish_subscription(user, &id).await.unwrap();
                till.restarted().payments.reconcile().await.unwrap();
            }
            assert_eq!((till.available(user).await, till.alerts()), (credits(10), 1), "{what}");
            assert_eq!(till.plan(user, till.now()).await, None, "{what}");
        }
        // One that names no subscription of ours, or another one.
        for other in [None, Some(uuid::Uuid::now_v7().to_string())] {
            let till = open(&stores);
            let user = UserId::now_v7();
            let id = till.agreed(user).await;
            let paid = till.provider.recurring.charge(&id, till.now());
            till.provider.recurring.tamper(&id, |told| told.subscription.clone_from(&other));
            for _ in 0..3 { let _ = till.payments.handle(event(paid.clone())).await; }
            assert_eq!((till.available(user).await, till.alerts()), (credits(10), 1));
        }
        // Somebody else asks.
        let till = open(&stores);
        let (user, other) = (UserId::now_v7(), UserId::now_v7());
        let id = till.subscribed_at(user, till.now()).await;
        assert_eq!(till.payments.finish_subscription(other, &id).await.unwrap_err(), AppError::NotFound);
        assert_eq!(till.payments.unsubscribe(other).await.unwrap_err(), AppError::NotFound);
        assert_eq!((till.available(other).await, till.alerts()), (credits(10), 1));
        // A payment that is pending, or was declined, is none.
        let user = UserId::now_v7();
        let id = till.agreed(user).await;
        let paid = till.provider.recurring.charge(&id, till.now());
        for status in [CaptureStatus::Pending(String::new()), CaptureStatus::Declined] {
            till.provider.recurring.tamper_sale(&id, 0, |sale| sale.status = status);
            till.hear(paid.clone()).await;
            assert_eq!(till.available(user).await, credits(10));
        }
        assert_eq!(till.payments.finish_subscription(user, &id).await.unwrap(), SubscriptionProgress::Pending);
        till.provider.recurring.tamper_sale(&id, 0, |sale| sale.status = CaptureStatus::Completed);
        till.hear(paid).await;
        assert_eq!(till.available(user).await, credits(510));
    }

    async fn a_renewal_that_nobody_heard_of_is_found_after_the_start(stores) {
        let till = open(&stores);
        let user = UserId::now_v7();
        let now = till.now();
        let id = till.subscribed_at(user, now - 35 * DAY).await;
        // The first month is over: its credits have ended, and the role with them but for the leeway.
        assert_eq!((till.available(user).await, till.plan(user, now).await), (credits(10), None));
        till.provider.recurring.charge(&id, now - 4 * DAY);
        till.made_long_ago(&id, 36 * DAY).await;
        till.provider.recurring.set_down(true);
        till.restarted().payments.reconcile().await.unwrap();
        assert_eq!(till.available(user).await, credits(10));
        till.provider.recurring.set_down(false);
        for _ in 0..3 { till.restarted().payments.reconcile().await.unwrap(); }
        assert_eq!(till.available(user).await, credits(510));
        assert_eq!(till.plan(user, now).await.map(|plan| plan.name), Some("Plus".to_owned()));
        // An end that nobody heard of.
        till.provider.recurring.set_status(&id, SubscriptionStatus::Cancelled);
        till.made_long_ago(&id, 0).await;
        till.restarted().payments.reconcile().await.unwrap();
        assert_eq!(till.payments.view_plan(user).await.unwrap().unwrap().status, PlanStatus::Cancelled);
        assert_eq!((till.available(user).await, till.alerts()), (credits(510), 0));
    }

    async fn an_answer_that_was_lost_is_made_up_for(stores) {
        let till = open(&stores);
        let user = UserId::now_v7();
        // The plan's, then the subscription's.
        for lost in 0..2 {
            till.provider.recurring.lose(1);
            assert_eq!(till.payments.subscribe(user, "plus").await.unwrap_err(), AppError::Unavailable, "{lost}");
        }
        let first = till.payments.subscribe(user, "plus").await.unwrap();
        assert_eq!(till.payments.subscribe(user, "plus").await.unwrap(), first);
        assert_eq!((till.provider.recurring.plans(), till.provider.recurring.made()), (1, 1));
        // Known by what the provider says of it.
        let other = UserId::now_v7();
        till.provider.recurring.lose(1);
        till.payments.subscribe(other, "plus").await.unwrap_err();
        let own = stores.subscriptions.list(other, 1).await.unwrap()[0].id;
        let id = format!("I-{own}");
        till.provider.recurring.approve(&id);
        let paid = till.provider.recurring.charge(&id, till.now());
        till.hear(paid).await;
        assert_eq!(till.available(other).await, credits(510));
        assert_eq!(till.alerts(), 0);
    }

    async fn a_user_has_one_subscription(stores) {
        let till = open(&stores);
        let user = UserId::now_v7();
        let wishes: Vec<_> = (0..20).map(|_| {
            let payments = till.payments.clone();
            tokio::spawn(async move { payments.subscribe(user, "plus").await.unwrap() })
        }).collect();
        let first = till.payments.subscribe(user, "plus").await.unwrap();
        for wish in wishes { assert_eq!(wish.await.unwrap(), first); }
        assert_eq!(till.provider.recurring.made(), 1);
        assert_eq!(till.payments.subscribe(user, "none").await.unwrap_err().code(), "invalid_input");
        // They think again, and agree to the first one all the same: it counts.
        let second = till.payments.subscribe(user, "pro").await.unwrap();
        assert_ne!(second.subscription_id, first.subscription_id);
        let began = till.provider.recurring.approve(&first.subscription_id);
        till.hear(began).await;
        let paid = till.provider.recurring.charge(&first.subscription_id, till.now());
        till.hear(paid).await;
        assert_eq!((till.available(user).await, till.alerts()), (credits(510), 0));
        // And then to the other: that is ended, and what was paid for it is theirs.
        let began = till.provider.recurring.approve(&second.subscription_id);
        let paid = till.provider.recurring.charge(&second.subscription_id, till.now());
        till.hear(began).await;
        till.hear(paid).await;
        assert_eq!(till.subscription(&second.subscription_id).await.status, SubscriptionStatus::Cancelled);
        assert_eq!((till.available(user).await, till.alerts(), till.provider.recurring.cancelled()), (credits(1710), 1, 1));
        assert_eq!(till.payments.subscribe(user, "plus").await.unwrap_err().code(), "conflict");
        let running = stores.subscriptions.list(user, 10).await.unwrap();
        assert_eq!(running.iter().filter(|one| one.is_open()).count(), 1);
        // One that nobody agreed to does not stand in the way.
        let other = UserId::now_v7();
        let open = till.payments.subscribe(other, "plus").await.unwrap();
        till.payments.unsubscribe(other).await.unwrap();
        assert_eq!(till.payments.unsubscribe(other).await.unwrap_err(), AppError::NotFound);
        assert_ne!(till.payments.subscribe(other, "plus").await.unwrap(), open);
    }

    async fn who_ends_it_keeps_what_is_paid(stores) {
        let till = open(&stores);
        let user = UserId::now_v7();
        let now = till.now();
        let id = till.subscribed_at(user, now - 10 * DAY).await;
        // A payment failed: what is paid stays, and it is said.
        till.provider.recurring.tamper(&id, |told| told.is_failing = true);
        till.hear(EventKind::Subscription { id: id.clone() }).await;
        let view = till.payments.view_plan(user).await.unwrap().unwrap();
        assert_eq!((view.status, till.available(user).await), (PlanStatus::PastDue, credits(510)));
        let suspended = till.provider.recurring.set_status(&id, SubscriptionStatus::Suspended);
        till.hear(suspended).await;
        assert_eq!(till.payments.view_plan(user).await.unwrap().unwrap().status, PlanStatus::Suspended);
        // It goes on, and then its user has enough; the answer to that is lost.
        let active = till.provider.recurring.approve(&id);
        till.hear(active).await;
        till.provider.recurring.lose(1);
        assert_eq!(till.payments.unsubscribe(user).await.unwrap_err(), AppError::Unavailable);
        for _ in 0..2 { _ = till.payments.unsubscribe(user).await; }
        let view = till.payments.view_plan(user).await.unwrap().unwrap();
        let until = view.until.unwrap();
        assert_eq!((view.status, view.renews, view.plan), (PlanStatus::Cancelled, false, None));
        assert_eq!((till.available(user).await, till.provider.recurring.cancelled()), (credits(510), 1));
        assert!(till.plan(user, until - 1).await.is_some());
        assert_eq!(till.plan(user, until).await, None);
        // The same again is possible.
        assert!(till.payments.subscribe(user, "plus").await.unwrap().approve_url.is_some());
        // Expired, at the provider.
        let other = UserId::now_v7();
        let id = till.subscribed_at(other, now - 10 * DAY).await;
        let expired = till.provider.recurring.set_status(&id, SubscriptionStatus::Expired);
        till.hear(expired).await;
        let view = till.payments.view_plan(other).await.unwrap().unwrap();
        assert_eq!((view.status, till.available(other).await, till.alerts()), (PlanStatus::Cancelled, credits(510), 0));
    }

    async fn another_plan_holds_from_the_next_payment_on(stores) {
        let till = open(&stores);
        let user = UserId::now_v7();
        let now = till.now();
        let id = till.subscribed_at(user, now - 29 * DAY).await;
        let change = till.payments.subscribe(user, "pro").await.unwrap();
        let address = change.approve_url.unwrap();
        assert_eq!(change.subscription_id, id);
        till.hear(EventKind::Subscription { id: id.clone() }).await;
        assert_eq!(till.payments.view_plan(user).await.unwrap().unwrap().name, "Plus");
        // They agree.
        let plan = address.rsplit('/').next().unwrap().to_owned();
        till.provider.recurring.tamper(&id, |told| told.plan_id = Some(plan));
        let progress = till.payments.finish_subscription(user, &id).await.unwrap();
        let SubscriptionProgress::Changes { name, credits: monthly, on } = progress else { panic!("{progress:?}") };
        assert_eq!((&*name, monthly), ("Pro", credits(1200)));
        // Until then they have what they paid for.
        let view = till.payments.view_plan(user).await.unwrap().unwrap();
        assert_eq!((&*view.name, view.next.as_deref(), view.until), ("Plus", Some("Pro"), Some(on)));
        assert_eq!((till.available(user).await, till.plan(user, now).await.unwrap().per_minute), (credits(510), 60));
        let paid = till.provider.recurring.charge(&id, now);
        till.hear(paid).await;
        assert_eq!((till.available(user).await, till.plan(user, now + 1).await.unwrap().per_minute), (credits(1710), 120));
        let view = till.payments.view_plan(user).await.unwrap().unwrap();
        assert_eq!((&*view.name, view.next), ("Pro", None));
        assert_eq!(till.payments.subscribe(user, "pro").await.unwrap_err().code(), "conflict");
        assert_eq!((till.provider.recurring.made(), till.alerts()), (1, 0));
        // What the file says now changes nothing of what was agreed.
        let dearer = Catalog::parse("[[plan]]\nid = \"pro\"\ncredits = 1\nprice = \"99.00\"", "packs.toml").unwrap();
        let dearer = Till::selling(&stores, till.provider.clone(), Shop::new(DataFile::new(None, "packs.toml"), dearer, None));
        let paid = till.provider.recurring.charge(&id, now + 1);
        dearer.hear(paid).await;
        assert_eq!((till.available(user).await, dearer.alerts()), (credits(2910), 0));
    }

    async fn money_that_goes_back_takes_the_very_month_with_it(stores) {
        let till = open(&stores);
        let user = UserId::now_v7();
        let now = till.now();
        let id = till.subscribed_at(user, now - 40 * DAY).await;
        let paid = till.provider.recurring.charge(&id, now - 9 * DAY);
        till.hear(paid).await;
        till.spend(user, 100).await;
        assert_eq!((till.available(user).await, till.of_plans(user).await), (credits(410), credits(400)));
        // A part: of the credits its part.
        let part = till.provider.recurring.give_back(&id, 1, 300, false);
        for _ in 0..3 { till.hear(part.clone()).await; }
        assert_eq!(till.of_plans(user).await, credits(300));
        // The rest is taken by somebody else: what is spent is owed, and the time is over.
        let rest = till.provider.recurring.give_back(&id, 1, 1500, true);
        till.hear(rest).await;
        let balance = till.balance(user).await;
        assert_eq!((balance.available, balance.debt), (Amount::ZERO, credits(90)));
        assert_eq!(till.plan(user, now).await, None);
        // Of a month that is over nobody owes what has ended with it unused.
        let back = till.provider.recurring.give_back(&id, 0, 1500, false);
        for _ in 0..2 { till.hear(back.clone()).await; }
        assert_eq!(till.balance(user).await.debt, credits(90));
        let notes = stores.papers.list(user, None, 10).await.unwrap().unwrap().items;
        assert_eq!(notes.iter().filter(|paper| paper.number.kind == PaperKind::CreditNote).count(), 3);
        assert_audit_is_clean(stores.credits.as_ref()).await;
        // A dispute freezes what is left, even where nobody has heard of the payment.
        let other = UserId::now_v7();
        let id = till.agreed(other).await;
        till.provider.recurring.charge(&id, now);
        let sale = till.provider.recurring.sale(&id, 0).id;
        let dispute = |state| EventKind::Dispute { dispute_id: format!("D-{id}"), capture_ids: vec![sale.clone()], state };
        till.hear(dispute(DisputeState::Opened)).await;
        assert_eq!(till.available(other).await, credits(10));
        till.hear(dispute(DisputeState::Won)).await;
        assert_eq!((till.available(other).await, till.of_plans(other).await), (credits(510), credits(500)));
        let own = stores.payments.find_by_capture(&sale).await.unwrap().unwrap();
        assert_eq!(till.payments.preview_refund(other, own.id).await.unwrap_err().code(), "conflict");
    }

    async fn a_stored_subscription_changes_only_as_it_was_read(stores) {
        let till = open(&stores);
        let user = UserId::now_v7();
        let id = till.agreed(user).await;
        let read = till.subscription(&id).await;
        let changes: Vec<_> = (0..20).map(|_| {
            let (store, read) = (stores.subscriptions.clone(), read.clone());
            tokio::spawn(async move { store.save(&read).await.unwrap() })
        }).collect();
        let mut stored = 0;
        for change in changes { stored += u32::from(change.await.unwrap() == Saved::Yes); }
        assert_eq!(stored, 1);
        let read = till.subscription(&id).await;
        let second = Subscription { id: tessera::platform::ids::SubscriptionId::now_v7(), provider_id: None, ..read.clone() };
        assert!(!stores.subscriptions.create(&second).await.unwrap());
        let ended = Subscription { status: SubscriptionStatus::Expired, look_at: None, ..read.clone() };
        assert_eq!(stores.subscriptions.save(&ended).await.unwrap(), Saved::Yes);
        assert!(stores.subscriptions.create(&second).await.unwrap());
        let again = Subscription { version: read.version + 1, ..read };
        assert_eq!(stores.subscriptions.save(&again).await.unwrap(), Saved::Taken);
        let due = stores.subscriptions.due(i64::MAX, tessera::platform::ids::SubscriptionId::min(), 10).await.unwrap();
        assert_eq!(due, [second.id]);
        assert_eq!(stores.subscriptions.list(user, 10).await.unwrap().len(), 2);
        assert_eq!(stores.subscriptions.keep_provider_plan("a", "P-1").await.unwrap(), "P-1");
        assert_eq!(stores.subscriptions.keep_provider_plan("a", "P-2").await.unwrap(), "P-1");
    }
}

/// What may happen to a subscription, in the order in which it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is paid, for one more month.
    Paid,
    Failed,
    Suspended,
    Resumed,
    Cancelled,
    /// Of the first payment: so much goes back.
    Back(i64, bool),
    Opened,
    Won,
}

pub fn histories() -> impl Strategy<Value = Vec<Turn>> {
    use Turn::{Back, Cancelled, Failed, Opened, Paid, Resumed, Suspended, Won};
    let turn = prop_oneof![
        3 => Just(vec![Paid]),
        1 => Just(vec![Failed]),
        1 => Just(vec![Suspended, Resumed]),
        1 => Just(vec![Back(300, false)]),
        1 => Just(vec![Back(450, true)]),
        1 => Just(vec![Opened, Won]),
    ];
    (proptest::collection::vec(turn, 0..6), any::<bool>()).prop_map(|(turns, ends)| {
        let mut all = vec![Paid];
        let mut seen = Vec::new();
        for turn in turns.into_iter().flatten() {
            // What can happen only once.
            if matches!(turn, Back(..) | Opened | Won) {
                if seen.contains(&turn) {
                    continue;
                }
                seen.push(turn);
            }
            all.push(turn);
        }
        if ends {
            all.push(Cancelled);
        }
        all
    })
}

/// Lets things happen, and tells of what has happened again and again in any order, some of it only in the end.
pub async fn live(till: &Till, history: &[Turn], choices: &[Vec<u8>], rest: &[usize]) -> (UserId, String) {
    let user = UserId::now_v7();
    let id = till.agreed(user).await;
    let recurring = &till.provider.recurring;
    let mut happened = vec![event(EventKind::Subscription { id: id.clone() })];
    let mut choices = choices.iter().cycle();
    let mut paid = 0;
    for turn in history {
        let changed = EventKind::Subscription { id: id.clone() };
        let told = match *turn {
            Turn::Paid => {
                paid += 1;
                recurring.tamper(&id, |told| told.is_failing = false);
                recurring.charge(&id, till.now() - 20 * DAY + paid)
            }
            Turn::Failed => {
                recurring.tamper(&id, |told| told.is_failing = true);
                changed
            }
            Turn::Suspended => recurring.set_status(&id, SubscriptionStatus::Suspended),
            Turn::Resumed => recurring.approve(&id),
            Turn::Cancelled => recurring.set_status(&id, SubscriptionStatus::Cancelled),
            Turn::Back(minor, reversed) => recurring.give_back(&id, 0, minor, reversed),
            Turn::Opened | Turn::Won => EventKind::Dispute {
                dispute_id: format!("D-{id}"),
                capture_ids: vec![recurring.sale(&id, 0).id],
                state: if *turn == Turn::Won { DisputeState::Won } else { DisputeState::Opened },
            },
        };
        happened.push(event(told));
        for which in choices.next().into_iter().flatten() {
            till.deliver(&happened[usize::from(*which) % happened.len()]).await;
        }
    }
    let mut order: Vec<_> = (0..happened.len()).collect();
    order.sort_by_key(|at| rest.get(*at).copied().unwrap_or_default());
    for at in order {
        till.deliver(&happened[at]).await;
        till.hear(happened[at].what.clone()).await;
    }
    (user, id)
}

/// What it must come to, whatever the order.
pub async fn assert_agrees(till: &Till, history: &[Turn], user: UserId, id: &str) {
    let (balance, known) = (till.balance(user).await, till.subscription(id).await);
    let paid = i64::try_from(history.iter().filter(|turn| **turn == Turn::Paid).count()).unwrap();
    let back: i64 = history.iter().map(|turn| if let Turn::Back(minor, _) = turn { *minor } else { 0 }).sum();
    // A third of a credit for a cent.
    let taken = Amount::from_micros(500_000_000 * back / 1500);
    let expected = Balance { available: credits(10 + 500 * paid) - taken, ..Balance::default() };
    assert_eq!(balance, expected, "{history:?}");
    let ended = history.contains(&Turn::Cancelled);
    let status = if ended { SubscriptionStatus::Cancelled } else { SubscriptionStatus::Active };
    let last = history.iter().rev().find(|turn| matches!(turn, Turn::Paid | Turn::Failed));
    let failing = last == Some(&Turn::Failed) && !ended;
    assert_eq!((known.status, known.is_failing), (status, failing), "{history:?}");
    assert_eq!(i64::try_from(known.sales.len()).unwrap(), paid);
}

async fn any_order_comes_to_the_same(server: Option<crate::mongod::Kind>, cases: u32) {
    let server = contracts::server(server).await;
    let fixture = contracts::open(server.as_ref()).await;
    let (stores, runtime) = (fixture.stores.clone(), tokio::runtime::Handle::current());
    let ran = tokio::task::spawn_blocking(move || {
        let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
        let till = open(&stores);
        let told = proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3), 1..8);
        let rest = Just((0..16).collect::<Vec<usize>>()).prop_shuffle();
        TestRunner::new(config).run(&(histories(), told, rest), |(history, choices, rest)| {
            let (user, id) = runtime.block_on(live(&till, &history, &choices, &rest));
            runtime.block_on(assert_agrees(&till, &history, user, &id));
            Ok(())
        })
    });
    ran.await.unwrap().unwrap();
    contracts::check(&fixture).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_comes_to_the_same_over_sqlite() {
    any_order_comes_to_the_same(None, 150).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_comes_to_the_same_over_mongodb() {
    any_order_comes_to_the_same(Some(crate::mongod::Kind::ReplicaSet), 25).await;
}
