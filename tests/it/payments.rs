//! Money comes once and goes back once, whoever hears of it, how often and in whatever order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tessera::app::config::Config;
use tessera::app::stores::Stores;
use tessera::audit::AuditLog;
use tessera::credits::server::store::{HoldEnd, HoldOutcome};
use tessera::credits::{Balance, EntryKind, Origin};
use tessera::flags::{FlagAlerts, Flags, FlagsParts};
use tessera::generation::Metrics;
use tessera::payments::PaymentState;
use tessera::payments::server::papers::{PaperKind, Papers, year_in};
use tessera::payments::server::provider::{CaptureStatus, DisputeState, Event, EventKind, OrderStatus, RefundStatus};
use tessera::payments::server::shop::{Catalog, Shop};
use tessera::payments::server::store::Saved;
use tessera::payments::server::{Bought, Payment, Payments, PaymentsParts, Progress};
use tessera::platform::amount::Amount;
use tessera::platform::data_file::DataFile;
use tessera::platform::error::AppError;
use tessera::platform::ids::{LotId, PaymentId, UserId};
use tessera::platform::limits::{LocalRateLimiter, Rates};
use tessera::platform::money::{Currency, Money};
use tessera::platform::site::Site;
use tessera::platform::time::DAY;
use uuid::Uuid;

use crate::contracts::{self, over_every_store};
use crate::fake_provider::{FakeProvider, event};
use crate::ledger::{credits, hold_of};
use crate::support::{assert_audit_is_clean, site_options};

/// A server that sells, over stores that others may share.
pub struct Till {
    pub payments: Payments,
    pub provider: Arc<FakeProvider>,
    pub stores: Stores,
    metrics: Metrics,
    /// How often something is told until it is heard.
    tries: u32,
}

impl Till {
    pub fn new(stores: &Stores) -> Self {
        Self::with(stores, Arc::new(FakeProvider::default()))
    }

    pub fn with(stores: &Stores, provider: Arc<FakeProvider>) -> Self {
        Self::selling(stores, provider, Shop::default())
    }

    pub fn selling(stores: &Stores, provider: Arc<FakeProvider>, shop: Shop) -> Self {
        let config = Config::from_vars(&BTreeMap::new()).unwrap();
        let metrics = Metrics::default();
        let site = Site::new(config.site, site_options());
        let papers = Papers {
            store: stores.papers.clone(),
            accounts: stores.accounts.clone(),
            shop: shop.clone(),
            site: site.clone(),
            database: stores.database.clone(),
            paid_by: "Fake",
        };
        let payments = Payments::new(PaymentsParts {
            site,
            database: stores.database.clone(),
            store: stores.payments.clone(),
            subscriptions: stores.subscriptions.clone(),
            referrals: stores.referrals.clone(),
            plans: stores.plans.clone(),
            provider: Some(provider.clone()),
            credits: stores.credits.clone(),
            audit: AuditLog::new(stores.audit.clone()),
            shop,
            papers,
            limiter: Arc::new(LocalRateLimiter::new(Rates::of(10_000))),
            flags: Flags::new(FlagsParts {
                database: stores.database.clone(),
                store: stores.flags.clone(),
                audit: AuditLog::new(stores.audit.clone()),
                alerts: FlagAlerts::default(),
                providers: Vec::new(),
            }),
            metrics: metrics.clone(),
            caught_up: AtomicBool::new(false),
        });
        Self { payments, provider, stores: stores.clone(), metrics, tries: 1 }
    }

    /// Tells of everything so often until it is heard.
    pub fn with_tries(self, tries: u32) -> Self {
        Self { tries, ..self }
    }

    /// The same after a crash.
    pub fn restarted(&self) -> Self {
        Self::selling(&self.stores, self.provider.clone(), self.payments.shop.clone())
    }

    async fn order(&self, user: UserId) -> Bought {
        let bought = self.payments.buy(user, "500", None).await.unwrap();
        self.provider.approve(&bought.order_id);
        bought
    }

    /// A pack that the default shop has.
    pub async fn purchase_of(&self, user: UserId, pack: &str) {
        let bought = self.payments.buy(user, pack, None).await.unwrap();
        self.provider.approve(&bought.order_id);
        self.payments.finish(user, &bought.order_id).await.unwrap();
    }

    /// 500 credits for 20 dollars.
    async fn purchase(&self, user: UserId) -> Bought {
        let bought = self.order(user).await;
        let progress = self.payments.finish(user, &bought.order_id).await.unwrap();
        assert_eq!(progress, Progress::Credited { credits: credits(500) });
        bought
    }

    pub async fn hear(&self, what: EventKind) {
        self.deliver(&event(what)).await;
    }

    /// Tells of an event until it is heard.
    pub async fn deliver(&self, event: &Event) {
        let mut tries = 1;
        while let Err(error) = self.payments.handle(event.clone()).await {
            assert!(tries < self.tries, "{error}");
            tries += 1;
        }
    }

    async fn dispute(&self, order_id: &str, id: &str, state: DisputeState) {
        let capture_ids = vec![self.provider.capture_of(order_id).id];
        self.hear(EventKind::Dispute { dispute_id: id.to_owned(), capture_ids, state }).await;
    }

    pub async fn payment(&self, id: PaymentId) -> Payment {
        self.stores.payments.find(id).await.unwrap().unwrap()
    }

    pub async fn balance(&self, user: UserId) -> Balance {
        self.stores.credits.balance(user.into(), "r").await.unwrap()
    }

    pub async fn available(&self, user: UserId) -> Amount {
        self.balance(user).await.available
    }

    pub async fn spend(&self, user: UserId, amount: i64) {
        let hold = hold_of(user, amount);
        let held = hold.held();
        assert!(matches!(self.stores.credits.hold(hold).await.unwrap(), HoldOutcome::Held { .. }));
        self.stores.credits.end_hold(&held, HoldEnd::Settle(Amount::MAX), None).await.unwrap();
    }

    /// What is left of a payment's lot.
    pub async fn left(&self, user: UserId, payment: PaymentId) -> Amount {
        let id = LotId::from(Uuid::from(payment));
        let account = self.stores.credits.account(user.into(), "r").await.unwrap();
        account.lots.as_slice().iter().find(|lot| lot.id == id).map_or(Amount::ZERO, |lot| lot.left)
    }

    /// Entries of this kind, oldest first, that are not of nothing.
    pub async fn entries(&self, user: UserId, kind: EntryKind) -> Vec<Amount> {
        let page = self.stores.credits.ledger(user.into(), None, 1000).await.unwrap().unwrap();
        let of_kind = page.items.into_iter().rev().filter(|entry| entry.kind == kind && !entry.amount.is_zero());
        of_kind.map(|entry| entry.amount).collect()
    }

    pub fn alerts(&self) -> u64 {
        let text = self.metrics.render(0, []).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("tessera_payment_alerts_total"));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }
}

pub fn dollars(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

over_every_store! {
    async fn twenty_purchases_at_once_and_a_crash_leave_no_gap_in_the_receipts(stores) {
        let till = Till::new(&stores);
        let (mut running, mut bought) = (Vec::new(), Vec::new());
        for _ in 0..20 {
            let user = UserId::now_v7();
            let order = till.order(user).await;
            bought.push((user, order.clone()));
            for _ in 0..2 {
                let (payments, order) = (till.payments.clone(), order.order_id.clone());
                running.push(tokio::spawn(async move { payments.finish(user, &order).await }));
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(rand::random_range(0..40))).await;
        running.iter().for_each(tokio::task::JoinHandle::abort);
        let after = till.restarted();
        after.payments.reconcile().await.unwrap();
        let year = year_in(&jiff::tz::TimeZone::UTC, stores.database.now());
        let made = stores.papers.of_year(PaperKind::Receipt, year, 0, 100).await.unwrap();
        assert_eq!(made.iter().map(|paper| paper.number.number).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
        for (user, Bought { payment, order_id, .. }) in bought {
            assert!(matches!(after.payments.finish(user, &order_id).await.unwrap(), Progress::Credited { .. }));
            let own = made.iter().filter(|paper| (paper.payment, paper.user) == (payment, user));
            assert_eq!(own.count(), 1);
        }
    }

    async fn fifty_deliveries_of_one_capture_credit_it_once(stores) {
        let tills = [Till::new(&stores)];
        let tills = [tills[0].restarted(), tills[0].restarted()];
        for round in 0..3 {
            let user = UserId::now_v7();
            let bought = tills[0].order(user).await;
            if round == 1 {
                // Captured already, and nobody here knows.
                tills[0].provider.faults().lost = 1;
                tills[1].payments.finish(user, &bought.order_id).await.unwrap();
            }
            let told = (round == 1).then(|| tills[0].provider.capture_of(&bought.order_id).id);
            let same = event(EventKind::OrderApproved { order_id: bought.order_id.clone() });
            let deliveries: Vec<_> = (0..50).map(|n| {
                let (payments, order_id, same) = (tills[n % 2].payments.clone(), bought.order_id.clone(), same.clone());
                let told = told.clone();
                tokio::spawn(async move {
                    match n % 4 {
                        0 => drop(payments.finish(user, &order_id).await.unwrap()),
                        1 => payments.handle(same).await.unwrap(),
                        2 => payments.reconcile().await.unwrap(),
                        _ => match told {
                            Some(capture_id) => payments.handle(event(EventKind::Capture { capture_id, order_id: None })).await.unwrap(),
                            None => payments.handle(event(EventKind::OrderApproved { order_id })).await.unwrap(),
                        },
                    }
                })
            }).collect();
            for delivery in deliveries { delivery.await.unwrap(); }
            let till = &tills[0];
            assert_eq!(till.available(user).await, credits(510));
            assert_eq!(till.entries(user, EntryKind::Purchase).await, [credits(500)]);
            assert_eq!(till.payment(bought.payment).await.state, PaymentState::Credited);
            assert_eq!(till.provider.totals().0, round + 1, "money is taken once");
            let lots = stores.credits.account(user.into(), "r").await.unwrap();
            let lot = lots.lots.as_slice().iter().find(|lot| lot.origin == Origin::Bought).unwrap().clone();
            assert_eq!((lot.id, lot.paid.unwrap().micros), (Uuid::from(bought.payment).into(), 20_000_000));
            assert_eq!((tills[0].alerts(), tills[1].alerts()), (0, 0));
        }
    }

    async fn what_is_not_as_ordered_is_never_credited_and_calls_once(stores) {
        type Change = fn(&mut tessera::payments::server::provider::OrderState);
        let wrong: [(&str, Change); 9] = [
            ("amount of the order", |order| order.amount = Some(dollars(2001))),
            ("amount of the money", |order| order.captures[0].amount = dollars(1999)),
            ("currency of the order", |order| order.amount = Some(Money::new(2000, Currency::parse("EUR").unwrap()))),
            ("currency of the money", |order| order.captures[0].amount.currency = Currency::parse("JPY").unwrap()),
            ("payee of the order", |order| order.payee = Some("THIEF".into())),
            ("payee of the money", |order| order.captures[0].payee = Some("THIEF".into())),
            ("payment", |order| order.payment = Some(Uuid::now_v7().to_string())),
            ("no payment", |order| order.payment = None),
            ("order of the money", |order| order.captures[0].order_id = Some("O-other".into())),
        ];
        for (what, change) in wrong {
            for pending in [false, true] {
                let till = Till::new(&stores);
                let user = UserId::now_v7();
                let bought = till.order(user).await;
                till.provider.faults().lost = 1;
                till.provider.faults().pending = pending;
                assert_eq!(till.payments.finish(user, &bought.order_id).await.unwrap(), Progress::Pending, "{what}");
                till.provider.tamper(&bought.order_id, change);
                let capture_id = till.provider.capture_of(&bought.order_id).id;
                assert_eq!(till.payments.finish(user, &bought.order_id).await.unwrap(), Progress::Dead, "{what}");
                till.hear(EventKind::Capture { capture_id, order_id: Some(bought.order_id.clone()) }).await;
                till.hear(EventKind::OrderApproved { order_id: bought.order_id.clone() }).await;
                till.payments.reconcile().await.unwrap();
                assert_eq!(till.payments.finish(user, &bought.order_id).await.unwrap(), Progress::Dead, "{what}");
                assert_eq!(till.available(user).await, credits(10), "{what}");
                assert_eq!(till.alerts(), 1, "{what}");
                assert_eq!(till.payment(bought.payment).await.state, PaymentState::Rejected, "{what}");
            }
        }
        // Somebody else's order.
        let till = Till::new(&stores);
        let (user, other) = (UserId::now_v7(), UserId::now_v7());
        let bought = till.order(user).await;
        assert_eq!(till.payments.finish(other, &bought.order_id).await.unwrap_err(), AppError::NotFound);
        assert_eq!((till.alerts(), till.provider.totals().0), (1, 0));
        assert_eq!((till.available(user).await, till.available(other).await), (credits(10), credits(10)));
        // Money of one order cannot pay for another.
        till.payments.finish(user, &bought.order_id).await.unwrap();
        let second = till.order(user).await;
        let capture = till.provider.capture_of(&bought.order_id);
        till.provider.tamper(&second.order_id, |order| {
            order.status = OrderStatus::Completed;
            order.captures.push(tessera::payments::server::provider::Capture { order_id: None, payment: None, ..capture });
        });
        assert_eq!(till.payments.finish(user, &second.order_id).await.unwrap(), Progress::Dead);
        assert_eq!((till.available(user).await, till.alerts()), (credits(510), 2));
    }

    async fn an_answer_that_was_lost_is_made_up_for_by_the_next_look(stores) {
        let till = Till::new(&stores);
        let users: Vec<_> = (0..4).map(|_| UserId::now_v7()).collect();
        // Taken, and the answer was lost.
        let lost = till.order(users[0]).await;
        till.provider.faults().lost = 1;
        assert_eq!(till.payments.finish(users[0], &lost.order_id).await.unwrap(), Progress::Pending);
        assert_eq!(till.available(users[0]).await, credits(10));
        // Agreed to, and the buyer never came back; and one that nobody agreed to.
        let agreed = till.order(users[1]).await;
        let open = till.payments.buy(users[2], "100", None).await.unwrap();
        // The order was made, and the answer to that was lost.
        till.provider.faults().lost = 1;
        assert_eq!(till.payments.buy(users[3], "100", Some("k".into())).await.unwrap_err(), AppError::Unavailable);
        till.provider.faults().down = true;
        till.payments.reconcile().await.unwrap();
        assert_eq!(till.available(users[1]).await, credits(10));
        till.provider.faults().down = false;
        let till = till.restarted();
        till.payments.reconcile().await.unwrap();
        till.payments.reconcile().await.unwrap();
        for user in &users[..2] { assert_eq!(till.available(*user).await, credits(510)); }
        assert_eq!(till.provider.totals().0, 2, "no second capture");
        for bought in [&lost, &agreed] { assert_eq!(till.payment(bought.payment).await.look_at, None); }
        let waiting = till.payment(open.payment).await;
        assert_eq!((waiting.state, waiting.look_at.is_some()), (PaymentState::Created, true));
        let again = till.payments.buy(users[3], "100", Some("k".into())).await.unwrap();
        assert_eq!((again.order_id, till.provider.orders()), (format!("O-{}", again.payment), 4));
        // An order that is gone is looked at no more.
        till.provider.tamper(&open.order_id, |order| order.status = OrderStatus::Voided);
        till.restarted().payments.reconcile().await.unwrap();
        let dead = till.payment(open.payment).await;
        assert_eq!((dead.state, dead.look_at), (PaymentState::Abandoned, None));
        assert_eq!(till.alerts(), 0);
    }

    async fn pending_waits_a_decline_is_told_and_nobody_is_credited_early(stores) {
        let till = Till::new(&stores);
        let user = UserId::now_v7();
        let bought = till.payments.buy(user, "500", None).await.unwrap();
        let progress = till.payments.finish(user, &bought.order_id).await.unwrap();
        assert_eq!(progress, Progress::NotApproved { approve_url: Some(bought.approve_url.clone()) });
        till.provider.approve(&bought.order_id);
        till.provider.faults().declined = true;
        let progress = till.payments.finish(user, &bought.order_id).await.unwrap();
        assert_eq!(progress, Progress::Declined { again_url: Some(bought.approve_url.clone()) });
        till.provider.tamper(&bought.order_id, |order| order.status = OrderStatus::Created);
        let progress = till.payments.finish(user, &bought.order_id).await.unwrap();
        assert_eq!(progress, Progress::Declined { again_url: Some(bought.approve_url.clone()) }, "told again");
        till.provider.approve(&bought.order_id);
        *till.provider.faults() = crate::fake_provider::Faults { pending: true, ..Default::default() };
        assert_eq!(till.payments.finish(user, &bought.order_id).await.unwrap(), Progress::Pending);
        till.payments.reconcile().await.unwrap();
        assert_eq!(till.available(user).await, credits(10));
        till.provider.complete(&bought.order_id);
        let capture_id = till.provider.capture_of(&bought.order_id).id;
        till.hear(EventKind::Capture { capture_id, order_id: None }).await;
        assert_eq!(till.available(user).await, credits(510));
        let declined = till.order(user).await;
        till.payments.finish(user, &declined.order_id).await.unwrap();
        till.provider.tamper(&declined.order_id, |order| order.captures[0].status = CaptureStatus::Declined);
        till.restarted().payments.reconcile().await.unwrap();
        assert_eq!(till.payment(declined.payment).await.state, PaymentState::Declined);
        let progress = till.payments.finish(user, &declined.order_id).await.unwrap();
        assert_eq!(progress, Progress::Declined { again_url: None }, "its order is done");
        assert_eq!((till.available(user).await, till.alerts()), (credits(510), 0));
    }

    async fn refunds_take_their_part_of_the_very_lot_and_what_is_spent_is_owed(stores) {
        let till = Till::new(&stores);
        let user = UserId::now_v7();
        let (first, second) = (till.purchase(user).await, till.purchase(user).await);
        // 2, then 3, of 10 parts.
        let parts = [till.provider.give_back(&second.order_id, 400, false), till.provider.give_back(&second.order_id, 600, true)];
        for part in &parts {
            for _ in 0..3 { till.hear(part.clone()).await; }
        }
        assert_eq!((till.left(user, first.payment).await, till.left(user, second.payment).await), (credits(500), credits(250)));
        assert_eq!(till.payment(second.payment).await.refunded, dollars(1000));
        assert_eq!(till.available(user).await, credits(760));
        // All but 60 is spent: 10 free ones, the first lot, 190 of the second.
        till.spend(user, 700).await;
        assert_eq!(till.left(user, second.payment).await, credits(60));
        let rest = till.provider.give_back(&second.order_id, 1000, false);
        till.hear(rest.clone()).await;
        till.hear(rest).await;
        let balance = till.balance(user).await;
        assert_eq!((balance.available, balance.debt), (Amount::ZERO, credits(190)));
        assert!(matches!(stores.credits.hold(hold_of(user, 1)).await.unwrap(), HoldOutcome::Insufficient { .. }));
        // A purchase pays the debt first.
        let third = till.purchase(user).await;
        let balance = till.balance(user).await;
        assert_eq!((balance.available, balance.debt, till.left(user, third.payment).await), (credits(310), Amount::ZERO, credits(310)));
        assert_audit_is_clean(stores.credits.as_ref()).await;
    }

    async fn credit_notes_come_to_their_receipt_and_never_to_more(stores) {
        let text = "[[pack]]\nid = \"500\"\ncredits = 500\nprice = \"20.00\"\n[tax]\nname = \"VAT\"\nrate = 8.1";
        let shop = Shop::new(DataFile::new(None, "packs.toml"), Catalog::parse(text, "packs.toml").unwrap(), None);
        let till = Till::selling(&stores, Arc::new(FakeProvider::default()), shop);
        let user = UserId::now_v7();
        let bought = till.purchase(user).await;
        for part in [333, 333, 333] {
            till.hear(till.provider.give_back(&bought.order_id, part, false)).await;
        }
        till.spend(user, 200).await;
        till.payments.refund(user, bought.payment).await.unwrap();
        let capture_id = Some(till.provider.capture_of(&bought.order_id).id);
        for refund_id in ["all", "once more"] {
            let (refund_id, capture_id) = (refund_id.to_owned(), capture_id.clone());
            till.hear(EventKind::Refund { refund_id, capture_id, amount: dollars(2000), reversed: true }).await;
        }
        let all = stores.papers.list(user, None, 20).await.unwrap().unwrap().items;
        let sums = |kind| {
            let of_kind = all.iter().filter(|paper| paper.number.kind == kind).map(|paper| &paper.content);
            let [mut money, mut tax, mut count] = [0; 3];
            let mut given = Amount::ZERO;
            for content in of_kind {
                money += content.total.minor;
                tax += content.tax.as_ref().unwrap().amount.minor;
                given += content.credits;
                count += 1;
            }
            ([money, tax], given, count)
        };
        let (receipt, notes) = (sums(PaperKind::Receipt), sums(PaperKind::CreditNote));
        assert_eq!((receipt.0, receipt.1), ([2000, 150], credits(500)));
        assert_eq!(notes.0, receipt.0, "{all:?}");
        assert!(notes.1 <= credits(500) && notes.2 == 5, "{notes:?}");
        assert_eq!(till.payment(bought.payment).await.look_at, None, "nothing is missing");
    }

    async fn who_owes_spends_nothing_that_is_needed_to_pay(stores) {
        let till = Till::new(&stores);
        let user = UserId::now_v7();
        let bought = till.purchase(user).await;
        till.spend(user, 400).await;
        let hold = hold_of(user, 110);
        let held = hold.held();
        stores.credits.hold(hold).await.unwrap();
        let refund = till.provider.give_back(&bought.order_id, 2000, true);
        till.hear(refund).await;
        assert_eq!(till.balance(user).await, Balance { available: Amount::ZERO, held: credits(110), debt: credits(500) });
        // What was held comes back, and is needed to pay.
        stores.credits.end_hold(&held, HoldEnd::Release, None).await.unwrap();
        let refused = HoldOutcome::Insufficient { available: Amount::ZERO };
        assert_eq!(stores.credits.hold(hold_of(user, 1)).await.unwrap(), refused);
        assert_eq!(stores.credits.hold(hold_of(user, 100)).await.unwrap(), refused);
        till.purchase(user).await;
        let balance = till.balance(user).await;
        assert_eq!(balance.available - balance.debt, credits(110));
        let hold = hold_of(user, 111);
        assert_eq!(stores.credits.hold(hold).await.unwrap(), HoldOutcome::Insufficient { available: credits(110) });
        assert!(matches!(stores.credits.hold(hold_of(user, 110)).await.unwrap(), HoldOutcome::Held { .. }));
    }

    async fn a_dispute_freezes_what_is_left_and_its_end_decides(stores) {
        let till = Till::new(&stores);
        for lost in [false, true] {
            let user = UserId::now_v7();
            let bought = till.purchase(user).await;
            till.spend(user, 110).await;
            till.dispute(&bought.order_id, "D1", DisputeState::Opened).await;
            till.dispute(&bought.order_id, "D1", DisputeState::Opened).await;
            assert_eq!(till.balance(user).await, Balance::default());
            assert!(till.payments.history(user, None, 1).await.unwrap().items[0].disputed, "its buyer is told");
            assert_eq!(till.payments.preview_refund(user, bought.payment).await.unwrap_err().code(), "conflict");
            assert_eq!(till.payments.refund(user, bought.payment).await.unwrap_err().code(), "conflict");
            let end = if lost { DisputeState::Lost } else { DisputeState::Won };
            for state in [end, DisputeState::Opened, end] { till.dispute(&bought.order_id, "D1", state).await; }
            assert!(!till.payments.history(user, None, 1).await.unwrap().items[0].disputed);
            let expected = if lost { Balance { debt: credits(100), ..Balance::default() } }
                else { Balance { available: credits(400), ..Balance::default() } };
            assert_eq!(till.balance(user).await, expected);
            assert_eq!(till.left(user, bought.payment).await, expected.available);
            assert_eq!(till.payment(bought.payment).await.refunded, dollars(if lost { 2000 } else { 0 }));
        }
    }

    async fn what_is_unused_can_be_given_back_once(stores) {
        let till = Till::new(&stores);
        let (user, other) = (UserId::now_v7(), UserId::now_v7());
        let bought = till.purchase(user).await;
        // 10 free ones and 180 bought ones are spent; 20 are held.
        till.spend(user, 190).await;
        let preview = till.payments.preview_refund(user, bought.payment).await.unwrap();
        assert_eq!((preview.credits, preview.of, preview.money), (credits(320), credits(500), dollars(1280)));
        let hold = hold_of(user, 20);
        let held = hold.held();
        stores.credits.hold(hold).await.unwrap();
        let preview = till.payments.preview_refund(user, bought.payment).await.unwrap();
        assert_eq!((preview.credits, preview.money), (credits(300), dollars(1200)));
        for refused in [till.payments.preview_refund(other, bought.payment).await.map(drop), till.payments.refund(other, bought.payment).await.map(drop)] {
            assert_eq!(refused.unwrap_err(), AppError::NotFound);
        }
        let wishes: Vec<_> = (0..50).map(|n| {
            let payments = if n % 2 == 0 { till.payments.clone() } else { till.restarted().payments };
            tokio::spawn(async move { payments.refund(user, bought.payment).await })
        }).collect();
        let mut done = 0;
        for wish in wishes {
            match wish.await.unwrap() {
                Ok(refunded) => {
                    assert_eq!((refunded.credits, refunded.money), (credits(300), dollars(1200)));
                    done += 1;
                }
                Err(error) => assert_eq!(error.code(), "conflict", "{error}"),
            }
        }
        assert!(done >= 1);
        assert_eq!(till.provider.totals().1, 1200);
        assert_eq!(till.balance(user).await, Balance { available: Amount::ZERO, held: credits(20), debt: Amount::ZERO });
        // The provider tells of it too.
        let capture = till.provider.capture_of(&bought.order_id);
        let refund_id = till.provider.refund_ids()[0].clone();
        let told = EventKind::Refund { refund_id, capture_id: Some(capture.id), amount: dollars(1200), reversed: false };
        for _ in 0..2 { till.hear(told.clone()).await; }
        stores.credits.end_hold(&held, HoldEnd::Release, None).await.unwrap();
        assert_eq!(till.available(user).await, credits(20));
        // What was held then can be given back now; and then nothing is left.
        assert_eq!(till.payments.refund(user, bought.payment).await.unwrap().money, dollars(80));
        assert_eq!(till.payments.refund(user, bought.payment).await.unwrap_err().code(), "conflict");
        assert_eq!((till.balance(user).await, till.provider.totals().1), (Balance::default(), 1280));
    }

    async fn a_refund_that_does_not_come_about_gives_the_credits_back(stores) {
        let till = Till::new(&stores);
        let user = UserId::now_v7();
        let bought = till.purchase(user).await;
        till.spend(user, 110).await;
        till.provider.faults().refuses_refunds = true;
        assert_eq!(till.payments.refund(user, bought.payment).await.unwrap_err().code(), "conflict");
        assert_eq!((till.available(user).await, till.left(user, bought.payment).await), (credits(400), credits(400)));
        assert_eq!(till.payment(bought.payment).await.refunded, dollars(0));
        till.provider.faults().refuses_refunds = false;
        // Nobody knows: the credits stay away until somebody does, and the money goes once.
        till.provider.faults().lost = 1;
        assert!(!till.payments.refund(user, bought.payment).await.unwrap().is_done);
        assert_eq!((till.available(user).await, till.provider.totals().1), (Amount::ZERO, 1600));
        // The provider's own report may come first.
        let capture = till.provider.capture_of(&bought.order_id);
        let refund_id = till.provider.refund_ids()[0].clone();
        till.provider.faults().down = true;
        let told = EventKind::Refund { refund_id, capture_id: Some(capture.id), amount: dollars(1600), reversed: false };
        till.hear(told).await;
        assert_eq!(till.balance(user).await, Balance::default());
        till.provider.faults().down = false;
        let till = till.restarted();
        till.payments.reconcile().await.unwrap();
        assert_eq!((till.balance(user).await, till.provider.totals().1), (Balance::default(), 1600));
        let payment = till.payment(bought.payment).await;
        assert_eq!((payment.refunded, payment.look_at), (dollars(1600), None));
        // One that is pending may fail later.
        let bought = till.purchase(user).await;
        till.provider.faults().pends_refunds = true;
        assert!(!till.payments.refund(user, bought.payment).await.unwrap().is_done);
        assert_eq!(till.available(user).await, Amount::ZERO);
        till.provider.end_refunds(RefundStatus::Failed);
        till.restarted().payments.reconcile().await.unwrap();
        assert_eq!((till.available(user).await, till.left(user, bought.payment).await), (credits(500), credits(500)));
    }

    async fn nobody_is_paid_for_credits_that_are_then_used(stores) {
        let till = Till::new(&stores);
        for _ in 0..4 {
            let user = UserId::now_v7();
            let bought = till.purchase(user).await;
            let spenders: Vec<_> = (0..30).map(|n| {
                let (store, hold) = (stores.credits.clone(), hold_of(user, 10));
                tokio::spawn(async move {
                    let held = hold.held();
                    let HoldOutcome::Held { .. } = store.hold(hold).await.unwrap() else { return Amount::ZERO };
                    let end = if n % 3 == 0 { HoldEnd::Release } else { HoldEnd::Settle(credits(10)) };
                    store.end_hold(&held, end, None).await.unwrap();
                    if n % 3 == 0 { Amount::ZERO } else { credits(10) }
                })
            }).collect();
            let wish = {
                let payments = till.payments.clone();
                tokio::spawn(async move { payments.refund(user, bought.payment).await })
            };
            let mut spent = Amount::ZERO;
            for spender in spenders { spent += spender.await.unwrap(); }
            let back = wish.await.unwrap().map_or(Amount::ZERO, |refunded| refunded.credits);
            let balance = till.balance(user).await;
            assert_eq!(spent + back + balance.available, credits(510));
            assert_eq!((balance.held, balance.debt), (Amount::ZERO, Amount::ZERO));
        }
    }

    async fn what_comes_back_while_a_payment_is_disputed_is_frozen_too(stores) {
        let till = Till::new(&stores);
        let user = UserId::now_v7();
        let bought = till.purchase(user).await;
        let hold = hold_of(user, 410);
        let held = hold.held();
        stores.credits.hold(hold).await.unwrap();
        till.dispute(&bought.order_id, "D1", DisputeState::Opened).await;
        assert_eq!(till.available(user).await, Amount::ZERO);
        stores.credits.end_hold(&held, HoldEnd::Settle(credits(60)), None).await.unwrap();
        assert_eq!(till.available(user).await, credits(350));
        till.restarted().payments.reconcile().await.unwrap();
        assert_eq!((till.available(user).await, till.left(user, bought.payment).await), (Amount::ZERO, Amount::ZERO));
        till.dispute(&bought.order_id, "D1", DisputeState::Won).await;
        assert_eq!((till.available(user).await, till.payment(bought.payment).await.look_at), (credits(450), None));
    }

    async fn orders_that_nobody_agrees_to_are_limited(stores) {
        let till = Till::new(&stores);
        let (user, other) = (UserId::now_v7(), UserId::now_v7());
        for _ in 0..10 { till.payments.buy(user, "100", None).await.unwrap(); }
        assert_eq!(till.payments.buy(user, "100", None).await.unwrap_err().code(), "rate_limited");
        till.purchase(other).await;
        // While the provider is away, nobody waits for each of them.
        till.provider.faults().down = true;
        let till = till.restarted();
        till.payments.reconcile().await.unwrap();
        for _ in 0..10 { till.payments.buy(other, "100", None).await.unwrap_err(); }
        till.provider.faults().down = false;
        till.payments.reconcile().await.unwrap();
        till.purchase(other).await;
        let ids = stores.payments.list(user, PaymentId::max(), 20).await.unwrap();
        for payment in ids { till.provider.tamper(&payment.order_id.unwrap(), |order| order.status = OrderStatus::Voided); }
        till.restarted().payments.reconcile().await.unwrap();
        till.purchase(user).await;
    }

    async fn what_is_bought_long_ago_stays(stores) {
        let till = Till::new(&stores);
        let user = UserId::now_v7();
        let bought = till.purchase(user).await;
        let mut payment = till.payment(bought.payment).await;
        payment.credited_at = payment.credited_at.map(|at| at - 14 * DAY);
        assert_eq!(stores.payments.save(&payment).await.unwrap(), Saved::Yes);
        assert_eq!(till.payments.preview_refund(user, bought.payment).await.unwrap_err().code(), "conflict");
        assert_eq!(till.payments.refund(user, bought.payment).await.unwrap_err().code(), "conflict");
        assert_eq!((till.available(user).await, till.provider.totals().1), (credits(510), 0));
        // But whoever runs this may give it back.
        assert_eq!(till.payments.refund_for_buyer(bought.payment).await.unwrap().money, dollars(2000));
        assert_eq!(till.payments.refund_for_buyer(bought.payment).await.unwrap_err().code(), "conflict");
        assert_eq!((till.available(user).await, till.provider.totals().1), (credits(10), 2000));
    }

    async fn the_same_key_is_the_same_order(stores) {
        let till = Till::new(&stores);
        let (user, other) = (UserId::now_v7(), UserId::now_v7());
        let key = || Some("key".to_owned());
        let wishes: Vec<_> = (0..20).map(|_| {
            let payments = till.payments.clone();
            tokio::spawn(async move { payments.buy(user, "500", Some("key".into())).await.unwrap() })
        }).collect();
        let first = till.payments.buy(user, "500", key()).await.unwrap();
        for wish in wishes { assert_eq!(wish.await.unwrap(), first); }
        assert_eq!(till.provider.orders(), 1);
        assert_eq!(till.payments.buy(user, "100", key()).await.unwrap_err(), AppError::IdempotencyMismatch);
        assert_ne!(till.payments.buy(other, "500", key()).await.unwrap().payment, first.payment);
        assert_eq!(till.payments.buy(user, "7", None).await.unwrap_err().code(), "invalid_input");
        stores.payments.forget(i64::MAX, 0).await.unwrap();
        assert_ne!(till.payments.buy(user, "500", key()).await.unwrap().payment, first.payment);
        // The history, page by page.
        let page = till.payments.history(user, None, 1).await.unwrap();
        assert_eq!((page.items.len(), page.items[0].state), (1, PaymentState::Created));
        let page = till.payments.history(user, page.next_cursor.as_deref(), 5).await.unwrap();
        assert_eq!((page.items[0].id.clone(), page.next_cursor), (first.payment.to_string(), None));
        assert_eq!(till.payments.history(user, Some("x"), 5).await.unwrap_err().code(), "invalid_input");
    }

    async fn a_stored_payment_changes_only_as_it_was_read(stores) {
        let till = Till::new(&stores);
        let user = UserId::now_v7();
        let (first, second) = (till.order(user).await, till.order(user).await);
        let payment = till.payment(first.payment).await;
        let changes: Vec<_> = (0..20).map(|_| {
            let (store, payment) = (stores.payments.clone(), payment.clone());
            tokio::spawn(async move { store.save(&payment).await.unwrap() })
        }).collect();
        let mut stored = 0;
        for change in changes { stored += u32::from(change.await.unwrap() == Saved::Yes); }
        assert_eq!(stored, 1);
        let read = till.payment(first.payment).await;
        assert_eq!(read, Payment { version: payment.version + 1, ..payment });
        let stolen = Payment { order_id: Some(second.order_id.clone()), ..read.clone() };
        assert_eq!(stores.payments.save(&stolen).await.unwrap(), Saved::Taken);
        let done = Payment { look_at: None, ..read };
        assert_eq!(stores.payments.save(&done).await.unwrap(), Saved::Yes);
        let due = stores.payments.due(i64::MAX, PaymentId::min(), 10).await.unwrap();
        assert_eq!(due, [second.payment]);
        assert!(stores.payments.due(0, PaymentId::min(), 10).await.unwrap().is_empty());
        assert!(!stores.payments.has_heard("e").await.unwrap());
        for _ in 0..2 { stores.payments.heard("e", 5).await.unwrap(); }
        assert!(stores.payments.has_heard("e").await.unwrap());
        stores.payments.forget(0, 6).await.unwrap();
        assert!(!stores.payments.has_heard("e").await.unwrap());
    }
}

/// What may happen to a payment, in the order in which it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    Completed,
    Refund(i64),
    Reversed(i64),
    Opened(u8),
    Won(u8),
    Lost(u8),
}

pub fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    use Happening::{Completed, Lost, Opened, Refund, Reversed, Won};
    let refunds = proptest::sample::subsequence(vec![Refund(200), Refund(300), Reversed(333)], 0..=3);
    let end = |n| prop_oneof![Just(Won(n)), Just(Lost(n))];
    let dispute = move |n| {
        prop_oneof![Just(Vec::new()), Just(vec![Opened(n)]), end(n).prop_map(move |end| vec![Opened(n), end]),]
    };
    (refunds, dispute(1), dispute(2)).prop_flat_map(|(refunds, one, two)| {
        let mut all: Vec<Happening> = refunds;
        all.extend(one);
        all.extend(two);
        // A dispute is opened before it ends; the rest may happen in any order.
        Just(all).prop_shuffle().prop_map(|mut all| {
            for n in [1, 2] {
                let at = |all: &[Happening], what: &dyn Fn(&Happening) -> bool| all.iter().position(what);
                let opened = at(&all, &|what| *what == Opened(n));
                let ended = at(&all, &|what| *what == Won(n) || *what == Lost(n));
                if let (Some(opened), Some(ended)) = (opened, ended)
                    && ended < opened
                {
                    all.swap(opened, ended);
                }
            }
            all.insert(0, Completed);
            all
        })
    })
}

/// Lets things happen, and tells of what has happened again and again in any order, some of it only in the end.
pub async fn tell(
    till: &Till,
    history: &[Happening],
    choices: &[Vec<u8>],
    rest: &[usize],
) -> (Balance, Amount, Payment) {
    let user = UserId::now_v7();
    till.provider.faults().pending = true;
    let mut tries = 1;
    let bought = loop {
        match till.payments.buy(user, "500", Some("key".to_owned())).await {
            Ok(bought) => break bought,
            Err(error) => assert!(tries < till.tries, "{error}"),
        }
        tries += 1;
    };
    till.provider.approve(&bought.order_id);
    while let Err(error) = till.payments.finish(user, &bought.order_id).await {
        assert!(tries < till.tries, "{error}");
        tries += 1;
    }
    let capture_id = till.provider.capture_of(&bought.order_id).id;
    let seen = EventKind::Capture { capture_id: capture_id.clone(), order_id: Some(bought.order_id.clone()) };
    let mut happened = vec![event(seen.clone())];
    let mut choices = choices.iter().cycle();
    for next in history {
        let dispute = |n: u8, state| EventKind::Dispute {
            dispute_id: format!("{n}-{}", bought.order_id),
            capture_ids: vec![capture_id.clone()],
            state,
        };
        happened.push(event(match *next {
            Happening::Completed => {
                till.provider.complete(&bought.order_id);
                seen.clone()
            }
            Happening::Refund(minor) => till.provider.give_back(&bought.order_id, minor, false),
            Happening::Reversed(minor) => till.provider.give_back(&bought.order_id, minor, true),
            Happening::Opened(n) => dispute(n, DisputeState::Opened),
            Happening::Won(n) => dispute(n, DisputeState::Won),
            Happening::Lost(n) => dispute(n, DisputeState::Lost),
        }));
        for which in choices.next().into_iter().flatten() {
            let told = &happened[usize::from(*which) % happened.len()];
            till.deliver(told).await;
        }
    }
    let mut order: Vec<_> = (0..happened.len()).collect();
    order.sort_by_key(|at| rest.get(*at).copied().unwrap_or_default());
    for at in order {
        till.deliver(&happened[at]).await;
        // The same under another id.
        till.hear(happened[at].what.clone()).await;
    }
    (till.balance(user).await, till.left(user, bought.payment).await, till.payment(bought.payment).await)
}

/// What it must come to, whatever the order.
pub fn expected(history: &[Happening]) -> (Balance, Amount, i64) {
    let back: i64 = history
        .iter()
        .map(|what| match what {
            Happening::Refund(minor) | Happening::Reversed(minor) => *minor,
            _ => 0,
        })
        .sum();
    let is_lost = history.iter().any(|what| matches!(what, Happening::Lost(_)));
    let is_open = (1..=2).any(|n| {
        let ended = history.iter().any(|what| *what == Happening::Won(n) || *what == Happening::Lost(n));
        history.contains(&Happening::Opened(n)) && !ended
    });
    let back = if is_lost { 2000 } else { back };
    // A dollar is 25 credits.
    let taken = Amount::from_micros(back * 250_000);
    let left = if is_open { Amount::ZERO } else { credits(500) - taken };
    (Balance { available: credits(10) + left, ..Balance::default() }, left, back)
}

async fn any_order_comes_to_the_same(server: Option<crate::mongod::Kind>, cases: u32) {
    let server = contracts::server(server).await;
    let fixture = contracts::open(server.as_ref()).await;
    let (stores, runtime) = (fixture.stores.clone(), tokio::runtime::Handle::current());
    let ran = tokio::task::spawn_blocking(move || {
        let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
        let till = Till::new(&stores);
        let told = proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3), 1..8);
        let rest = Just((0..16).collect::<Vec<usize>>()).prop_shuffle();
        TestRunner::new(config).run(&(happenings(), told, rest), |(history, choices, rest)| {
            let (balance, left, payment) = runtime.block_on(tell(&till, &history, &choices, &rest));
            let (should_be, should_be_left, back) = expected(&history);
            prop_assert_eq!((balance, left), (should_be, should_be_left), "{:?}", payment);
            prop_assert_eq!((payment.refunded.minor, payment.state), (back, PaymentState::Credited));
            prop_assert!(payment.books.is_settled() && payment.look_at.is_none());
            Ok(())
        })
    });
    ran.await.unwrap().unwrap();
    contracts::check(&fixture).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_comes_to_the_same_over_sqlite() {
    any_order_comes_to_the_same(None, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_comes_to_the_same_over_mongodb() {
    any_order_comes_to_the_same(Some(crate::mongod::Kind::ReplicaSet), 30).await;
}
