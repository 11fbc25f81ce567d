//! Servers that die in the middle: whatever was stored, and whether that was told or not, comes to the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;
use tessera::credits::Balance;
use tessera::payments::PaymentState;
use tessera::payments::server::Payment;
use tessera::payments::server::store::{PaymentStore, Saved};
use tessera::platform::db::{StoreError, StoreResult};
use tessera::platform::ids::{PaymentId, UserId};

use crate::fake_openai::FakeOpenAi;
use crate::fake_paypal::{Door, FakePayPal};
use crate::fake_provider::FakeProvider;
use crate::mongod::{Kind, Mongod};
use crate::payments::{Till, expected, happenings, tell};
use crate::program::{Program, variables};
use crate::support::User;
use crate::{bonuses, contracts, subscriptions};

/// Fails now and then, before it has done what it was asked for, or after that.
struct Flaky {
    store: Arc<dyn PaymentStore>,
    dice: AtomicU64,
}

/// What becomes of a change.
#[derive(PartialEq, Eq)]
enum Fate {
    Lost,
    DoneAndNotTold,
    Done,
}

impl Flaky {
    fn throw(&self) -> Fate {
        let thrown = self.dice.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst);
        // As splitmix64 does: each throw has nothing to do with the one before.
        let mixed = (thrown ^ (thrown >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        match (mixed ^ (mixed >> 27)) % 5 {
            0 => Fate::Lost,
            1 => Fate::DoneAndNotTold,
            _ => Fate::Done,
        }
    }
}

#[async_trait]
impl PaymentStore for Flaky {
    async fn create(&self, payment: &Payment, key: Option<String>) -> StoreResult<Option<Payment>> {
        self.store.create(payment, key).await
    }

    async fn create_paid(&self, payment: &Payment) -> StoreResult<Payment> {
        let fate = self.throw();
        if fate == Fate::Lost {
            return Err(StoreError::TimedOut);
        }
        let stored = self.store.create_paid(payment).await?;
        if fate == Fate::Done { Ok(stored) } else { Err(StoreError::TimedOut) }
    }

    async fn find(&self, id: PaymentId) -> StoreResult<Option<Payment>> {
        self.store.find(id).await
    }

    async fn find_by_order(&self, order_id: &str) -> StoreResult<Option<Payment>> {
        self.store.find_by_order(order_id).await
    }

    async fn find_by_capture(&self, capture_id: &str) -> StoreResult<Option<Payment>> {
        self.store.find_by_capture(capture_id).await
    }

    async fn save(&self, payment: &Payment) -> StoreResult<Saved> {
        let fate = self.throw();
        if fate == Fate::Lost {
            return Err(StoreError::TimedOut);
        }
        let saved = self.store.save(payment).await?;
        if fate == Fate::Done { Ok(saved) } else { Err(StoreError::TimedOut) }
    }

    async fn due(&self, until: i64, after: PaymentId, limit: usize) -> StoreResult<Vec<PaymentId>> {
        self.store.due(until, after, limit).await
    }

    async fn list(&self, user: UserId, before: PaymentId, limit: usize) -> StoreResult<Vec<Payment>> {
        self.store.list(user, before, limit).await
    }

    async fn list_all(&self, after: PaymentId, limit: usize) -> StoreResult<Vec<Payment>> {
        self.store.list_all(after, limit).await
    }

    async fn has_heard(&self, event: &str) -> StoreResult<bool> {
        self.store.has_heard(event).await
    }

    async fn heard(&self, event: &str, now: i64) -> StoreResult<()> {
        if self.throw() == Fate::Lost {
            return Err(StoreError::TimedOut);
        }
        self.store.heard(event, now).await
    }

    async fn forget_keys_of(&self, user: UserId) -> StoreResult<()> {
        self.store.forget_keys_of(user).await
    }

    async fn forget(&self, keys: i64, events: i64) -> StoreResult<()> {
        self.store.forget(keys, events).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_any_two_steps_comes_to_the_same() {
    let fixture = contracts::open(None).await;
    let mut stores = fixture.stores.clone();
    stores.payments = Arc::new(Flaky { store: stores.payments.clone(), dice: AtomicU64::new(1) });
    let runtime = tokio::runtime::Handle::current();
    let ran = tokio::task::spawn_blocking(move || {
        let config = ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() };
        let shop = bonuses::shop(vec![bonuses::tenth()], None);
        let till = Till::selling(&stores, Arc::new(FakeProvider::default()), shop).with_tries(1000);
        let told = proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3), 1..8);
        let rest = Just((0..16).collect::<Vec<usize>>()).prop_shuffle();
        TestRunner::new(config).run(&(happenings(), told, rest), |(history, choices, rest)| {
            let (balance, left, payment) = runtime.block_on(tell(&till, &history, &choices, &rest));
            let (should_be, should_be_left, back) = expected(&history);
            let bonus = bonuses::bonus_left(should_be_left, back);
            let should_be = Balance { available: should_be.available + bonus, ..should_be };
            prop_assert_eq!((balance, left), (should_be, should_be_left), "{:?}", payment);
            prop_assert_eq!((payment.refunded.minor, payment.state), (back, PaymentState::Credited));
            Ok(())
        })
    });
    ran.await.unwrap().unwrap();
    contracts::check(&fixture).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_any_two_steps_of_a_month_comes_to_the_same() {
    let fixture = contracts::open(None).await;
    let mut stores = fixture.stores.clone();
    stores.payments = Arc::new(Flaky { store: stores.payments.clone(), dice: AtomicU64::new(7) });
    let runtime = tokio::runtime::Handle::current();
    let ran = tokio::task::spawn_blocking(move || {
        let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
        let till = subscriptions::open(&stores).with_tries(1000);
        let told = proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3), 1..8);
        let rest = Just((0..16).collect::<Vec<usize>>()).prop_shuffle();
        TestRunner::new(config).run(&(subscriptions::histories(), told, rest), |(history, choices, rest)| {
            let (user, id) = runtime.block_on(subscriptions::live(&till, &history, &choices, &rest));
            runtime.block_on(subscriptions::assert_agrees(&till, &history, user, &id));
            Ok(())
        })
    });
    ran.await.unwrap().unwrap();
    contracts::check(&fixture).await;
}

/// The real program, twenty purchases at once and `kill -9`.
async fn kill_9_leaves_no_gap(more: Vec<(String, String)>) {
    let (fake, upstream) = (FakePayPal::start().await, FakeOpenAi::start().await);
    let mut vars = variables(&upstream, &fake.vars());
    vars.extend(more);
    let mut program = Program::start(vars).await;
    let mut users = Vec::new();
    let mut events = Vec::new();
    for _ in 0..4 {
        let mut user = User::new(program.addr);
        user.register().await;
        for _ in 0..5 {
            let (status, bought) = user.post_json("/api/credits/purchase", &json!({ "pack": "100" })).await;
            assert_eq!(status, 200, "{bought}");
            let order = bought["data"]["orderId"].as_str().unwrap();
            fake.approve(order);
            events.push(fake.approved_event(order));
        }
        users.push(user);
    }
    let fake = Arc::new(fake);
    let addr = program.addr;
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            let (fake, event) = (fake.clone(), event.clone());
            tokio::spawn(async move { fake.sign(&event).try_send(addr).await })
        })
        .collect();
    while fake.count(Door::Capture) < 8 {
        tokio::task::yield_now().await;
    }
    program.kill();
    for told in told {
        // Some were answered, some were not.
        _ = told.await.unwrap();
    }

    program.restart().await;
    // What was not acknowledged is delivered again.
    for event in &events {
        assert_eq!(fake.deliver(program.addr, event).await, 200);
    }
    let mut numbers = Vec::new();
    for user in &users {
        let (_, papers) = user.get_json("/api/credits/receipts?limit=100").await;
        let papers = papers["data"]["items"].as_array().unwrap();
        assert_eq!(papers.len(), 5);
        numbers.extend(papers.iter().map(|paper| paper["number"].as_str().unwrap().to_owned()));
        assert_eq!(user.credits().await["available"], 600);
    }
    numbers.sort();
    let ends: Vec<_> = numbers.iter().map(|number| number.split_once('-').unwrap().1).collect();
    assert_eq!(ends, (1..=20).map(|number| format!("{number:05}")).collect::<Vec<_>>(), "{numbers:?}");
    for event in &events {
        let order = event["resource"]["id"].as_str().unwrap();
        assert_eq!(fake.order(order).captures.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_among_twenty_purchases_leaves_no_gap_in_the_receipts() {
    for _ in 0..3 {
        kill_9_leaves_no_gap(vec![]).await;
    }
    let mongod = Mongod::start(Kind::Standalone).await;
    kill_9_leaves_no_gap(vec![("MONGODB_URI".to_owned(), mongod.uri())]).await;
}
