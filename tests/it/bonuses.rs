//! Bonuses and referral rewards: given once, to the user they are promised to, and taken back with the money.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tessera::app::stores::Stores;
use tessera::credits::server::lots::Lot;
use tessera::credits::server::store::{HoldEnd, HoldOutcome};
use tessera::credits::{Balance, EntryKind, Origin};
use tessera::payments::PaymentState;
use tessera::payments::server::provider::{DisputeState, EventKind};
use tessera::payments::server::shop::{Bonus, Catalog, Gift, Rate, Referral, Season, Shop};
use tessera::payments::server::{Bought, Payment};
use tessera::platform::amount::Amount;
use tessera::platform::data_file::DataFile;
use tessera::platform::ids::{LotId, UserId};
use tessera::platform::time::DAY;

use crate::contracts::{self, over_every_store};
use crate::fake_provider::{FakeProvider, event};
use crate::ledger::{credits, hold_of};
use crate::payments::{Till, dollars, expected, happenings, tell};
use crate::support::assert_audit_is_clean;

/// Ten percent on top of everything.
pub fn tenth() -> Bonus {
    Bonus {
        name: "Autumn".into(),
        part: Rate(10_000),
        is_first: false,
        least: None,
        lasts: None,
        season: Season::default(),
    }
}

fn first() -> Bonus {
    Bonus { name: "First".into(), is_first: true, part: Rate(20_000), lasts: Some(30 * DAY), ..tenth() }
}

fn referral(most: u32) -> Referral {
    let gift = Gift { name: "Thanks".into(), credits: credits(40), lasts: Some(90 * DAY), season: Season::default() };
    Referral { gift, most }
}

pub fn shop(bonuses: Vec<Bonus>, referral: Option<Referral>) -> Shop {
    let mut catalog = Catalog::default();
    catalog.offers.bonuses = bonuses;
    catalog.offers.referral = referral;
    Shop::new(DataFile::new(None, "packs.toml"), catalog, None)
}

fn till(stores: &Stores, bonuses: Vec<Bonus>, referral: Option<Referral>) -> Till {
    Till::selling(stores, Arc::new(FakeProvider::default()), shop(bonuses, referral))
}

async fn ordered(till: &Till, user: UserId) -> Bought {
    let bought = till.payments.buy(user, "500", None).await.unwrap();
    till.provider.approve(&bought.order_id);
    bought
}

async fn purchase(till: &Till, user: UserId) -> Bought {
    let bought = ordered(till, user).await;
    till.payments.finish(user, &bought.order_id).await.unwrap();
    bought
}

async fn dispute(till: &Till, order_id: &str, state: DisputeState) {
    let capture_ids = vec![till.provider.capture_of(order_id).id];
    till.hear(EventKind::Dispute { dispute_id: "D".to_owned() + order_id, capture_ids, state }).await;
}

/// The lot of a user with this id.
async fn lot(till: &Till, user: UserId, id: LotId) -> Option<Lot> {
    let account = till.stores.credits.account(user.into(), "r").await.unwrap();
    account.lots.as_slice().iter().find(|lot| lot.id == id).cloned()
}

/// What is left of all extras of a payment, of all users.
async fn left_of_extras(till: &Till, payment: &Payment) -> Vec<Amount> {
    let mut left = Vec::new();
    for extra in &payment.extras {
        let user = UserId::from(uuid::Uuid::from(extra.owner));
        left.push(lot(till, user, extra.lot).await.map_or(Amount::ZERO, |lot| lot.left));
    }
    left
}

/// An inviter, and somebody who has accepted their link.
async fn invited(till: &Till, inviter: UserId) -> UserId {
    let link = till.payments.invitation(inviter).await.unwrap().unwrap().link;
    let (user, code) = (UserId::now_v7(), link.split("invited=").nth(1).unwrap());
    till.payments.accept_invitation(user, code).await.unwrap();
    user
}

over_every_store! {
    async fn a_bonus_comes_once_however_often_it_is_told_and_goes_back_with_its_part(stores) {
        let till = till(&stores, vec![tenth(), Bonus { least: Some(dollars(2001)), part: Rate(50_000), ..tenth() }], None);
        let others = [till.restarted(), till.restarted()];
        let user = UserId::now_v7();
        let bought = ordered(&till, user).await;
        let deliveries: Vec<_> = (0..50).map(|n| {
            let (payments, order_id) = (others[n % 2].payments.clone(), bought.order_id.clone());
            tokio::spawn(async move {
                match n % 3 {
                    0 => drop(payments.finish(user, &order_id).await.unwrap()),
                    1 => payments.handle(event(EventKind::OrderApproved { order_id })).await.unwrap(),
                    _ => payments.reconcile().await.unwrap(),
                }
            })
        }).collect();
        for delivery in deliveries { delivery.await.unwrap(); }
        assert_eq!(till.available(user).await, credits(560));
        assert_eq!(till.entries(user, EntryKind::Grant).await, [credits(10), credits(50)]);
        let payment = till.payment(bought.payment).await;
        let own = lot(&till, user, payment.extras[0].lot).await.unwrap();
        assert_eq!((own.origin, own.paid, own.expires_at, own.left), (Origin::Promo, None, None, credits(50)));
        assert_eq!((payment.bonus(), payment.look_at), (credits(50), None));
        // 2, then 3, of 10 parts.
        for minor in [400, 600] {
            let part = till.provider.give_back(&bought.order_id, minor, false);
            for _ in 0..3 { till.hear(part.clone()).await; }
        }
        assert_eq!((till.left(user, bought.payment).await, left_of_extras(&till, &payment).await), (credits(250), vec![credits(25)]));
        // Spent: 10 free ones, the bonus, 5 bought ones. The rest goes back: what is missing is owed.
        till.spend(user, 40).await;
        let rest = till.provider.give_back(&bought.order_id, 1000, true);
        for _ in 0..2 { till.hear(rest.clone()).await; }
        assert_eq!(till.balance(user).await, Balance { debt: credits(30), ..Balance::default() });
    }

    async fn a_bonus_of_the_first_purchase_is_given_to_one_of_many_at_once(stores) {
        let till = till(&stores, vec![first()], None);
        let user = UserId::now_v7();
        let mut all = Vec::new();
        for _ in 0..5 { all.push(ordered(&till, user).await); }
        let finishing: Vec<_> = (0..20).map(|n| {
            let payments = if n % 2 == 0 { till.payments.clone() } else { till.restarted().payments };
            let order_id = all[n % 5].order_id.clone();
            tokio::spawn(async move { payments.finish(user, &order_id).await.unwrap() })
        }).collect();
        for one in finishing { one.await.unwrap(); }
        assert_eq!(till.available(user).await, credits(10 + 5 * 500 + 100));
        assert_eq!(till.entries(user, EntryKind::Grant).await, [credits(10), credits(100)]);
        let mut with = Vec::new();
        for bought in &all {
            let payment = till.payment(bought.payment).await;
            assert_eq!((payment.state, payment.look_at), (PaymentState::Credited, None));
            if payment.bonus().is_positive() { with.push(payment); }
        }
        assert_eq!((with.len(), with[0].bonus()), (1, credits(100)));
        let expires_at = lot(&till, user, with[0].extras[0].lot).await.unwrap().expires_at;
        assert_eq!(expires_at, with[0].credited_at.map(|at| at + 30 * DAY));
        // The money of another takes none of it; that of its own takes it, and it does not come a second time.
        let other = all.iter().find(|bought| bought.payment != with[0].id).unwrap();
        let back = till.provider.give_back(&other.order_id, 2000, false);
        till.hear(back).await;
        assert_eq!(left_of_extras(&till, &with[0]).await, [credits(100)]);
        let back = till.provider.give_back(with[0].order_id.as_ref().unwrap(), 2000, false);
        till.hear(back).await;
        assert_eq!(till.available(user).await, credits(10 + 3 * 500));
        let next = purchase(&till, user).await;
        assert!(till.payment(next.payment).await.extras.is_empty());
        assert_eq!(till.available(user).await, credits(10 + 4 * 500));
    }

    async fn who_has_had_the_first_bonus_still_has_what_everybody_gets(stores) {
        let till = till(&stores, vec![first(), tenth()], None);
        let user = UserId::now_v7();
        let (one, two) = (ordered(&till, user).await, ordered(&till, user).await);
        for bought in [&two, &one] { till.payments.finish(user, &bought.order_id).await.unwrap(); }
        let bonuses = [till.payment(two.payment).await.bonus(), till.payment(one.payment).await.bonus()];
        assert_eq!(bonuses, [credits(100), credits(50)]);
        let third = purchase(&till, user).await;
        assert_eq!(till.payment(third.payment).await.bonus(), credits(50));
        assert_eq!(till.available(user).await, credits(10 + 3 * 500 + 200));
    }

    async fn who_spent_a_bonus_pays_for_it_when_the_rest_goes_back(stores) {
        let till = till(&stores, vec![tenth()], None);
        // All of it goes back as it came.
        let user = UserId::now_v7();
        let bought = purchase(&till, user).await;
        let preview = till.payments.preview_refund(user, bought.payment).await.unwrap();
        assert_eq!((preview.credits, preview.money), (credits(500), dollars(2000)));
        assert_eq!(till.payments.refund(user, bought.payment).await.unwrap().money, dollars(2000));
        assert_eq!(till.balance(user).await, Balance { available: credits(10), ..Balance::default() });
        // 10 free ones and the bonus are spent: 550 came, 50 are gone, so ten of eleven parts of the price go back.
        let user = UserId::now_v7();
        let bought = purchase(&till, user).await;
        till.spend(user, 60).await;
        let preview = till.payments.preview_refund(user, bought.payment).await.unwrap();
        assert_eq!((preview.credits, preview.money), (Amount::parse("454.55").unwrap(), dollars(1818)));
        let wishes: Vec<_> = (0..10).map(|_| {
            let payments = till.payments.clone();
            tokio::spawn(async move { drop(payments.refund(user, bought.payment).await) })
        }).collect();
        for wish in wishes { wish.await.unwrap(); }
        let (balance, back) = (till.balance(user).await, till.provider.totals().1);
        assert!(balance.available < credits(1) && balance.debt.is_zero() && balance.held.is_zero(), "{balance:?}");
        assert!((2000 + 1818..=2000 + 1819).contains(&back), "{back}");
        // A refund that does not come about gives the bonus back too.
        let user = UserId::now_v7();
        let bought = purchase(&till, user).await;
        till.provider.faults().refuses_refunds = true;
        assert_eq!(till.payments.refund(user, bought.payment).await.unwrap_err().code(), "conflict");
        assert_eq!(till.available(user).await, credits(560));
    }

    async fn a_bonus_is_not_spent_while_its_purchase_goes_back(stores) {
        let till = till(&stores, vec![Bonus { part: Rate(100_000), ..tenth() }], None);
        for round in 0..12_u32 {
            let user = UserId::now_v7();
            let bought = purchase(&till, user).await;
            till.spend(user, 10).await;
            // Answers for 200 each begin all the while.
            let answers: Vec<_> = (0..5_u32).map(|n| {
                let credit_store = stores.credits.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(std::time::Duration::from_micros(u64::from(round * 300 + n * 200))).await;
                    let hold = hold_of(user, 200);
                    let taken = hold.held();
                    if !matches!(credit_store.hold(hold).await.unwrap(), HoldOutcome::Held { .. }) { return 0; }
                    credit_store.end_hold(&taken, HoldEnd::Settle(Amount::MAX), None).await.unwrap();
                    200
                })
            }).collect();
            let asked = till.payments.refund(user, bought.payment).await;
            let mut spent = 0;
            for answer in answers { spent += answer.await.unwrap(); }
            let (balance, payment) = (till.balance(user).await, till.payment(bought.payment).await);
            // 1,000 came for $20: what is spent of them is paid for, and nobody owes anything.
            assert_eq!((balance.debt, balance.held), (Amount::ZERO, Amount::ZERO), "{asked:?}, {spent} spent");
            assert!(payment.refunded.minor <= 2000 - 2 * spent, "{asked:?}, {spent} spent");
            assert_eq!(payment.look_at, None);
            // Nothing is lost either: what is left can go back, or is there to be spent where bought credits were while the bonus was
            // frozen.
            while till.payments.refund(user, bought.payment).await.is_ok() {}
            let back = till.payment(bought.payment).await.refunded.minor;
            let kept = till.available(user).await.micros() / credits(1).micros();
            let missing = 2000 - 2 * spent - back - 2 * kept;
            assert!((0..=10).contains(&missing), "{missing} of $20 missing: {spent} spent, {back} back, {kept} kept");
        }
    }

    async fn a_dispute_freezes_a_bonus_too(stores) {
        let till = till(&stores, vec![tenth()], None);
        for lost in [false, true] {
            let user = UserId::now_v7();
            let bought = purchase(&till, user).await;
            // 10 free ones and 20 of the bonus.
            till.spend(user, 30).await;
            for _ in 0..2 { dispute(&till, &bought.order_id, DisputeState::Opened).await; }
            assert_eq!(till.balance(user).await, Balance::default());
            dispute(&till, &bought.order_id, if lost { DisputeState::Lost } else { DisputeState::Won }).await;
            let expected = if lost { Balance { debt: credits(20), ..Balance::default() } }
                else { Balance { available: credits(530), ..Balance::default() } };
            assert_eq!(till.balance(user).await, expected);
            assert_eq!(till.payment(bought.payment).await.look_at, None);
        }
    }

    async fn what_ended_unused_of_a_bonus_is_owed_by_nobody(stores) {
        let till = till(&stores, vec![Bonus { lasts: Some(1), ..tenth() }], None);
        let user = UserId::now_v7();
        let bought = purchase(&till, user).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(till.available(user).await, credits(510));
        let preview = till.payments.preview_refund(user, bought.payment).await.unwrap();
        assert_eq!((preview.credits, preview.money), (credits(500), dollars(2000)));
        let back = till.provider.give_back(&bought.order_id, 2000, false);
        for _ in 0..2 { till.hear(back.clone()).await; }
        assert_eq!(till.balance(user).await, Balance { available: credits(10), ..Balance::default() });
        // Of what was spent in time, no more is missing than that.
        let user = UserId::now_v7();
        let slow = self::till(&stores, vec![Bonus { lasts: Some(1500), ..tenth() }], None);
        let bought = purchase(&slow, user).await;
        slow.spend(user, 5).await;
        tokio::time::sleep(std::time::Duration::from_millis(1600)).await;
        let preview = slow.payments.preview_refund(user, bought.payment).await.unwrap();
        assert_eq!((preview.credits, preview.money), (credits(495), dollars(1980)));
        assert_eq!(slow.payments.refund(user, bought.payment).await.unwrap().money, dollars(1980));
        assert_eq!(slow.balance(user).await, Balance { available: credits(10), ..Balance::default() });
    }

    async fn both_are_rewarded_once_with_the_first_purchase_and_it_goes_back_with_it(stores) {
        let till = till(&stores, vec![], Some(referral(10)));
        let inviter = UserId::now_v7();
        let user = invited(&till, inviter).await;
        assert_eq!(till.payments.reward_waiting(user).await.unwrap(), Some(credits(40)));
        // Nothing before the purchase.
        assert_eq!((till.available(user).await, till.available(inviter).await), (credits(10), credits(10)));
        let (one, two) = (ordered(&till, user).await, ordered(&till, user).await);
        let finishing: Vec<_> = (0..40).map(|n| {
            let payments = if n % 2 == 0 { till.payments.clone() } else { till.restarted().payments };
            let order_id = if n % 4 < 2 { one.order_id.clone() } else { two.order_id.clone() };
            tokio::spawn(async move { payments.finish(user, &order_id).await.unwrap() })
        }).collect();
        for one in finishing { one.await.unwrap(); }
        assert_eq!((till.available(user).await, till.available(inviter).await), (credits(1050), credits(50)));
        let (one, two) = (till.payment(one.payment).await, till.payment(two.payment).await);
        let (with, without) = if one.bonus().is_positive() { (one, two) } else { (two, one) };
        assert_eq!((with.bonus(), without.bonus()), (credits(40), Amount::ZERO));
        for extra in &with.extras {
            let lot = lot(&till, UserId::from(uuid::Uuid::from(extra.owner)), extra.lot).await.unwrap();
            assert_eq!((lot.origin, lot.expires_at), (Origin::Promo, with.credited_at.map(|at| at + 90 * DAY)));
        }
        // A third has none, and money of another purchase takes none.
        purchase(&till, user).await;
        let back = till.provider.give_back(without.order_id.as_ref().unwrap(), 2000, false);
        till.hear(back).await;
        assert_eq!((till.available(user).await, till.available(inviter).await), (credits(1050), credits(50)));
        // Half of the money goes back, then all: so does the reward of both, spent or not.
        let half = till.provider.give_back(with.order_id.as_ref().unwrap(), 1000, false);
        for _ in 0..2 { till.hear(half.clone()).await; }
        assert_eq!((till.available(user).await, till.available(inviter).await), (credits(780), credits(30)));
        till.spend(inviter, 30).await;
        let rest = till.provider.give_back(with.order_id.as_ref().unwrap(), 1000, true);
        for _ in 0..2 { till.hear(rest.clone()).await; }
        assert_eq!(till.available(user).await, credits(510));
        assert_eq!(till.balance(inviter).await, Balance { debt: credits(20), ..Balance::default() });
        purchase(&till, user).await;
        assert_eq!(till.balance(inviter).await.debt, credits(20));
    }

    async fn an_order_from_before_the_invitation_is_the_first_purchase_too(stores) {
        let till = till(&stores, vec![], Some(referral(3)));
        let (inviter, user) = (UserId::now_v7(), UserId::now_v7());
        let bought = ordered(&till, user).await;
        let link = till.payments.invitation(inviter).await.unwrap().unwrap().link;
        for _ in 0..2 { till.payments.accept_invitation(user, link.split("invited=").nth(1).unwrap()).await.unwrap(); }
        till.payments.finish(user, &bought.order_id).await.unwrap();
        assert_eq!((till.available(user).await, till.available(inviter).await), (credits(550), credits(50)));
        // Who has left meanwhile is given nothing.
        let next = invited(&till, inviter).await;
        let bought = ordered(&till, next).await;
        stores.referrals.forget(inviter).await.unwrap();
        till.payments.finish(next, &bought.order_id).await.unwrap();
        assert_eq!((till.available(next).await, till.available(inviter).await), (credits(550), credits(50)));
        assert_eq!(till.payment(bought.payment).await.look_at, None);
    }

    async fn nobody_is_rewarded_more_often_than_the_cap_says(stores) {
        let till = till(&stores, vec![], Some(referral(3)));
        let inviter = UserId::now_v7();
        let mut orders = Vec::new();
        for _ in 0..10 {
            let user = invited(&till, inviter).await;
            orders.push((user, ordered(&till, user).await));
        }
        let finishing: Vec<_> = orders.iter().flat_map(|(user, bought)| [(*user, bought.clone()), (*user, bought.clone())]).map(|(user, bought)| {
            let payments = till.restarted().payments;
            tokio::spawn(async move { payments.finish(user, &bought.order_id).await.unwrap() })
        }).collect();
        for one in finishing { one.await.unwrap(); }
        assert_eq!(till.available(inviter).await, credits(10 + 3 * 40));
        let mut rewarded = 0;
        for (user, bought) in &orders {
            assert_eq!(till.available(*user).await, credits(550));
            let payment = till.payment(bought.payment).await;
            rewarded += usize::from(payment.extras[1].credits.is_positive());
            assert_eq!(payment.look_at, None);
        }
        assert_eq!(rewarded, 3);
    }

    async fn an_invitation_is_for_newcomers_and_the_first_counts(stores) {
        let off = till(&stores, vec![], None);
        let till = till(&stores, vec![], Some(referral(3)));
        let (older, inviter, user) = (UserId::now_v7(), UserId::now_v7(), UserId::now_v7());
        let code_of = async |user: UserId| {
            let link = till.payments.invitation(user).await.unwrap().unwrap().link;
            link.split("invited=").nth(1).unwrap().to_owned()
        };
        assert_eq!(stores.referrals.find_code(inviter).await.unwrap(), None, "nobody has one who was never shown it");
        let codes: Vec<_> = (0..20).map(|_| {
            let payments = till.payments.clone();
            tokio::spawn(async move { payments.invitation(inviter).await.unwrap().unwrap().link })
        }).collect();
        let code = code_of(inviter).await;
        for link in codes { assert!(link.await.unwrap().ends_with(&code), "one link for ever"); }
        assert_eq!(stores.referrals.find_code(inviter).await.unwrap(), Some(code.clone()));
        assert_eq!(stores.referrals.find_code(older).await.unwrap(), None);
        let said = async |user: UserId, code: &str| till.payments.accept_invitation(user, code).await.map_err(|error| error.code());
        // Not for oneself, nor for who was here before; and where it is off, there is none.
        assert_eq!(said(inviter, &code).await, Err("conflict"));
        assert_eq!(said(older, &code).await, Err("conflict"));
        assert_eq!(said(user, "AAAA-AAAA").await, Err("invalid_input"));
        assert_eq!(off.payments.accept_invitation(user, &code).await.unwrap_err().code(), "invalid_input");
        assert_eq!((off.payments.invitation(user).await.unwrap(), off.payments.reward_waiting(user).await.unwrap()), (None, None));
        // Who was first stays, however many there are at once.
        assert_eq!(said(user, &code.to_lowercase()).await, Ok(()));
        let other = code_of(older).await;
        let wishes: Vec<_> = (0..12).map(|_| {
            let (payments, other) = (till.payments.clone(), other.clone());
            tokio::spawn(async move { payments.accept_invitation(user, &other).await.unwrap() })
        }).collect();
        for wish in wishes { wish.await.unwrap(); }
        assert_eq!(stores.referrals.inviter_of(user).await.unwrap(), Some(inviter));
        // What is bought while it is off is the first purchase all the same.
        purchase(&off, user).await;
        assert!(till.payment(purchase(&till, user).await.payment).await.extras.is_empty());
        let late = UserId::now_v7();
        purchase(&till, late).await;
        assert_eq!(said(late, &code).await, Err("conflict"));
        // Nothing is kept of who leaves, and nobody is rewarded for them.
        let next = invited(&till, inviter).await;
        stores.referrals.forget(inviter).await.unwrap();
        assert_eq!(stores.referrals.find_code(inviter).await.unwrap(), None);
        assert_eq!((stores.referrals.inviter_of(next).await.unwrap(), stores.referrals.user_of(&code).await.unwrap()), (None, None));
        assert!(till.payment(purchase(&till, next).await.payment).await.extras.is_empty());
        assert_eq!(till.available(inviter).await, credits(10));
    }

    async fn what_is_held_of_a_bonus_is_not_taken_from_under_it(stores) {
        let till = till(&stores, vec![tenth()], None);
        let user = UserId::now_v7();
        let bought = purchase(&till, user).await;
        let hold = hold_of(user, 30);
        stores.credits.hold(hold).await.unwrap();
        let preview = till.payments.preview_refund(user, bought.payment).await.unwrap();
        assert!(preview.credits < credits(500) && preview.money.minor < 2000, "{preview:?}");
        till.payments.refund(user, bought.payment).await.unwrap();
        let balance = till.balance(user).await;
        assert_eq!((balance.held, balance.debt), (credits(30), Amount::ZERO));
        assert_audit_is_clean(stores.credits.as_ref()).await;
    }
}

async fn any_order_comes_to_the_same(server: Option<crate::mongod::Kind>, cases: u32) {
    let server = contracts::server(server).await;
    let fixture = contracts::open(server.as_ref()).await;
    let (stores, runtime) = (fixture.stores.clone(), tokio::runtime::Handle::current());
    let ran = tokio::task::spawn_blocking(move || {
        let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
        let till = till(&stores, vec![tenth()], None);
        let told = proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3), 1..8);
        let rest = Just((0..16).collect::<Vec<usize>>()).prop_shuffle();
        TestRunner::new(config).run(&(happenings(), told, rest), |(history, choices, rest)| {
            let (balance, left, payment) = runtime.block_on(tell(&till, &history, &choices, &rest));
            let (should_be, should_be_left, back) = expected(&history);
            let bonus = bonus_left(should_be_left, back);
            let should_be = Balance { available: should_be.available + bonus, ..should_be };
            prop_assert_eq!((balance, left), (should_be, should_be_left), "{:?}", payment);
            prop_assert_eq!(runtime.block_on(left_of_extras(&till, &payment)), vec![bonus]);
            prop_assert!(payment.books.is_settled() && payment.look_at.is_none());
            Ok(())
        })
    });
    ran.await.unwrap().unwrap();
    contracts::check(&fixture).await;
}

/// What must be left of a bonus of 50, where so much is left of what was bought, and so much money went back of 20 dollars.
pub fn bonus_left(left: Amount, back: i64) -> Amount {
    if left.is_zero() { Amount::ZERO } else { credits(50) - Amount::from_micros(back * 25_000) }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_comes_to_the_same_over_sqlite() {
    any_order_comes_to_the_same(None, 150).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_comes_to_the_same_over_mongodb() {
    any_order_comes_to_the_same(Some(crate::mongod::Kind::ReplicaSet), 20).await;
}
