//! The contract of `StatsStore`, and that what is reported is what the records add up to.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tessera::account::server::plans::Period;
use tessera::app::stores::Stores;
use tessera::credits::server::lots::Paid;
use tessera::credits::server::store::{HoldEnd, LotTerms, NewHold, NewPosting, PostingKind, WorkKind};
use tessera::credits::{EntryKind, Origin};
use tessera::payments::PaymentState;
use tessera::payments::server::Payment;
use tessera::payments::server::shop::Pack;
use tessera::platform::amount::Amount;
use tessera::platform::db::now_millis;
use tessera::platform::ids::{ApiKeyId, AttemptId, LotId, OwnerId, UserId, WorkId};
use tessera::platform::money::{Currency, Money};
use tessera::platform::time::{DAY, MINUTE};
use tessera::stats::range::{Picked, Range};
use tessera::stats::store::{AttemptFilter, EntryFilter, ListedEntry, Source};
use tessera::stats::sums::BUCKET;
use tessera::stats::{KeyRow, Stats};
use tessera::usage::server::prices::PriceTable;
use tessera::usage::{Attempt, Outcome};
use uuid::Uuid;

use crate::contracts::over_every_store;
use crate::ledger::{credits, hold_of, posting};
use crate::stores::{exchange, finished, new_user};

fn stats_of(stores: &Stores) -> Stats {
    stores.stats(PriceTable::parse("other=1/2").unwrap())
}

fn attempt(user: UserId, reply: WorkId, provider: &str, at: i64) -> Attempt {
    Attempt {
        id: AttemptId::now_v7(),
        request_id: "r".to_owned(),
        reply,
        user,
        key: None,
        provider: provider.to_owned(),
        model: format!("{provider}-model"),
        input_tokens: 100,
        output_tokens: 10,
        is_estimated: false,
        cost_micros: Some(7),
        latency_ms: 200,
        first_token_ms: Some(50),
        outcome: Outcome::Ok,
        price_version: None,
        at,
    }
}

fn range(picked: Picked, zone: &str) -> Range {
    Range::new(picked, zone, now_millis()).unwrap()
}

fn date(at: i64) -> jiff::civil::Date {
    Timestamp::from_millisecond(at).unwrap().to_zoned(TimeZone::UTC).date()
}

/// Pays for work.
async fn spend(stores: &Stores, user: UserId, kind: WorkKind, amount: i64) -> WorkId {
    let hold = NewHold { kind, ..hold_of(user, amount) };
    stores.credits.hold(hold.clone()).await.unwrap();
    stores.credits.end_hold(&hold.held(), HoldEnd::Settle(credits(amount)), None).await.unwrap();
    hold.id
}

/// A purchase that was paid: its lot has its id.
async fn buy(stores: &Stores, user: UserId, amount: i64, cents: i64) -> Payment {
    let price = Money::new(cents, Currency::USD);
    let pack = Pack { id: "p".into(), name: "P".into(), credits: credits(amount), bonus: Amount::ZERO, price };
    let mut payment = Payment::new(user, &pack, now_millis());
    let lot = LotId::from(Uuid::from(payment.id));
    (payment.state, payment.lot) = (PaymentState::Credited, Some(lot));
    assert!(stores.payments.create(&payment, None).await.unwrap().is_none());
    let paid = Some(Paid { micros: cents * 10_000, currency: "USD".into() });
    let terms = LotTerms { origin: Some(Origin::Bought), paid, lot: Some(lot), ..LotTerms::default() };
    let posting = NewPosting { terms, ..posting(user.into(), PostingKind::Purchase, amount, &payment.id.to_string()) };
    stores.credits.post(posting).await.unwrap();
    payment
}

/// What all entries of an account add up to.
async fn worth(stores: &Stores, owner: OwnerId) -> Amount {
    let balance = stores.credits.account(owner, "r").await.unwrap().balance;
    balance.available + balance.held - balance.debt
}

over_every_store! {
    async fn what_is_reported_is_what_the_records_add_up_to(stores) {
        let (ada, bob) = (new_user(&stores).await, new_user(&stores).await);
        let stats = stats_of(&stores);
        // Ten credits are everybody's; bought ones are used after them.
        stores.credits.account(ada.into(), "r").await.unwrap();
        stores.credits.account(bob.into(), "r").await.unwrap();
        let payment = buy(&stores, ada, 20, 500).await;
        stores.credits.post(posting(bob.into(), PostingKind::Adjust, 3, "sorry")).await.unwrap();
        // More than an account keeps with itself, where it does.
        let mut works = Vec::new();
        for _ in 0..24 {
            works.push(spend(&stores, ada, WorkKind::Chat, 1).await);
        }
        works.push(spend(&stores, bob, WorkKind::Image, 2).await);
        let now = now_millis();
        let mut attempts = vec![
            Attempt { outcome: Outcome::Timeout, cost_micros: None, ..attempt(ada, works[0], "gemini", now) },
            Attempt { at: now + 1, ..attempt(ada, works[0], "openai", now) },
            Attempt { outcome: Outcome::Stopped, ..attempt(ada, WorkId::now_v7(), "openai", now) },
            attempt(bob, works[24], "replicate", now),
        ];
        attempts.extend(works[1..24].iter().map(|work| attempt(ada, *work, "openai", now)));
        stores.attempts.record(attempts.clone()).await.unwrap();
        let asked = exchange(bob, "again");
        stores.chats.begin_exchange(asked.clone(), 40).await.unwrap().unwrap();
        let reply = tessera::chat::server::store::FinishedReply { cached: true, ..finished(&asked, "as before") };
        assert!(stores.chats.finish_reply(reply).await.unwrap());

        // Bob's second days come after the first; Ada's are over.
        let plan = |id: &str, from: i64, until: i64, is_prepaid: bool| Period {
            id: id.to_owned(),
            name: "Plus".to_owned(),
            per_minute: 60,
            from,
            until,
            is_prepaid,
        };
        for period in [plan("a", now - 2 * DAY, now - DAY, true), plan("b", now - 2 * DAY, now - DAY / 2, true)] {
            stores.plans.set_period(bob, period).await.unwrap();
        }
        stores.plans.set_period(ada, plan("c", now - 2 * DAY, now - DAY, false)).await.unwrap();
        let overview = stats.overview(range(Picked::Week, "Asia/Kathmandu")).await.unwrap();
        let total = &overview.total;
        assert_eq!((total.new_users, total.active_users, total.chats, total.images), (2, 2, 24, 1));
        assert_eq!([total.granted, total.sold, total.spent, total.adjusted], [20, 20, 26, 3].map(credits));
        let change = total.granted + total.sold + total.adjusted - total.refunded - total.spent - total.expired;
        assert_eq!(change, worth(&stores, ada.into()).await + worth(&stores, bob.into()).await);
        assert_eq!(change, overview.now.unspent - overview.now.overdrawn);
        // 14 of Ada's were bought, and 6 are left of 20 for 5 dollars.
        assert_eq!(overview.now.unspent_paid, credits(6));
        assert_eq!(overview.now.owed, [Money::new(150, Currency::USD)]);
        assert_eq!(total.earned_micros["USD"], 14 * 250_000);
        assert_eq!(total.spent_given, credits(12));
        assert_eq!((total.revenue.clone(), total.purchases), (vec![payment.price], 1));
        let cost: i64 = attempts.iter().filter_map(|attempt| attempt.cost_micros).sum();
        assert_eq!((total.attempts, total.failed, total.fallbacks, total.unpriced), (27, 1, 1, 1));
        assert_eq!((total.cost_micros, total.margin_micros), (cost, 14 * 250_000 - cost));
        assert_eq!((total.input_tokens, total.output_tokens), (2700, 270));
        assert_eq!(total.cached_replies, 1);
        assert_eq!(total.saved_micros, 3 + 2 * 5, "by the price of its model");
        assert!(total.latency.p95_ms.is_some_and(|p95| (200..=212).contains(&p95)), "{:?}", total.latency);
        let counted: Vec<_> = overview.now.users.iter().map(|users| (&*users.role, users.count)).collect();
        assert_eq!(counted, [("SUBSCRIBER", 1), ("USER", 1)]);

        let costs = stats.costs(range(Picked::LastDay, "UTC")).await.unwrap();
        assert_eq!(costs.total.cost_micros, cost);
        let charged: Amount = costs.models.iter().map(|row| row.charged).sum();
        assert_eq!(charged, total.spent, "every answer is of a model");
        let margins: i64 = costs.providers.iter().map(|row| row.margin_micros).sum();
        assert_eq!(margins, total.margin_micros);
        let users: Vec<_> = costs.users.iter().map(|row| (row.id.clone(), row.attempts, row.spent)).collect();
        assert_eq!(users, [(ada.to_string(), 26, credits(24)), (bob.to_string(), 1, credits(2))]);
        assert_eq!(costs.users.iter().map(|row| row.margin_micros).sum::<i64>(), total.margin_micros);

        // Its money goes back.
        let refunded = Payment { refunded: Money::new(100, Currency::USD), ..payment };
        stores.payments.save(&refunded).await.unwrap();
        stats.look_at_all(now_millis()).await.unwrap();
        let total = stats.overview(range(Picked::Week, "UTC")).await.unwrap().total;
        assert_eq!(total.returned, [Money::new(100, Currency::USD)]);
    }

    async fn what_api_keys_cost_is_told_and_what_came_without_one_is_of_none(stores) {
        let (ada, bob) = (new_user(&stores).await, new_user(&stores).await);
        let (dear, cheap) = (ApiKeyId::now_v7(), ApiKeyId::now_v7());
        let now = now_millis();
        let paid = spend(&stores, ada, WorkKind::Chat, 2).await;
        let with = |key, attempt| Attempt { key: Some(key), ..attempt };
        let attempts = vec![
            with(dear, Attempt { outcome: Outcome::Timeout, cost_micros: None, ..attempt(ada, paid, "gemini", now) }),
            with(dear, Attempt { at: now + 1, ..attempt(ada, paid, "openai", now) }),
            with(dear, attempt(ada, WorkId::now_v7(), "openai", now - DAY)),
            with(cheap, attempt(bob, WorkId::now_v7(), "openai", now)),
            attempt(ada, WorkId::now_v7(), "openai", now),
        ];
        stores.attempts.record(attempts.clone()).await.unwrap();
        let stats = stats_of(&stores);
        let told = async |stats: &Stats, picked| {
            let keys = stats.costs(range(picked, "UTC")).await.unwrap().keys;
            let row = |row: &KeyRow| (row.id.clone(), row.user.clone(), row.attempts, row.failed, row.cost_micros, row.charged);
            keys.iter().map(row).collect::<Vec<_>>()
        };
        let all = vec![
            (dear.to_string(), ada.to_string(), 3, 1, 14, credits(2)),
            (cheap.to_string(), bob.to_string(), 1, 0, 7, credits(0)),
        ];
        assert_eq!(told(&stats, Picked::Week).await, all);
        assert_eq!(told(&stats_of(&stores), Picked::Week).await, all, "from what is stored");
        let total = stats.costs(range(Picked::Week, "UTC")).await.unwrap().total;
        assert_eq!((total.attempts, total.cost_micros), (5, 28), "keys change no sum");
        let filter = AttemptFilter { from: now - 2 * DAY, until: now + DAY, key: Some(dear.into()), ..AttemptFilter::default() };
        let found = stats.attempts(filter, None, 10).await.unwrap();
        assert_eq!(found, [1, 0, 2].map(|n: usize| attempts[n].clone()));
    }

    async fn days_add_up_to_their_range_in_every_zone(stores) {
        let user = new_user(&stores).await;
        let (first, now) = (now_millis() - 200 * DAY, now_millis());
        // Times that no clock is fond of.
        let times: Vec<i64> = (0..400).map(|n| first + n * (DAY / 2 + 7 * MINUTE + 13)).filter(|at| *at < now).collect();
        let attempts: Vec<_> = times.iter().map(|at| attempt(user, WorkId::now_v7(), "openai", *at)).collect();
        stores.attempts.record(attempts).await.unwrap();
        let stats = stats_of(&stores);
        for zone in ["UTC", "Europe/Zurich", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham"] {
            for picked in [Picked::Quarter, Picked::Days(date(first), date(now))] {
                let range = range(picked, zone);
                let (from, until) = range.ends();
                let costs = stats.costs(range.clone()).await.unwrap();
                let expected = |from: i64, until: i64| times.iter().filter(|at| (from..until).contains(*at)).count() as u64;
                assert_eq!(costs.total.attempts, expected(from, until), "{zone}");
                for (slice, part) in range.slices.iter().zip(&costs.parts) {
                    assert_eq!(part.figures.attempts, expected(slice.from, slice.until), "{zone} {}", slice.name);
                    assert_eq!(part.figures.active_users, u64::from(part.figures.attempts > 0));
                }
                let sum: u64 = costs.parts.iter().map(|part| part.figures.attempts).sum();
                assert_eq!(sum, costs.total.attempts, "{zone}");
            }
        }
    }

    async fn a_late_record_corrects_its_day_and_is_marked(stores) {
        let user = new_user(&stores).await;
        let then = now_millis() - 10 * DAY;
        stores.attempts.record(vec![attempt(user, WorkId::now_v7(), "openai", then)]).await.unwrap();
        let stats = stats_of(&stores);
        let month = range(Picked::Month, "UTC");
        let before = stats.costs(month.clone()).await.unwrap();
        assert!(before.total.attempts == 1 && before.parts.iter().all(|part| !part.corrected));
        // One in a bucket that is there, one in a bucket that is not.
        let late = [then, then - 2 * DAY].map(|at| attempt(user, WorkId::now_v7(), "openai", at));
        stores.attempts.record(late.to_vec()).await.unwrap();
        stats.look_back().await.unwrap();
        assert_eq!(stats.costs(month.clone()).await.unwrap().total.attempts, 1, "it is looked at once a day");
        stats.look_at_all(now_millis()).await.unwrap();
        // A server that starts now knows it too.
        for stats in [stats, stats_of(&stores)] {
            let after = stats.costs(month.clone()).await.unwrap();
            assert_eq!(after.total.attempts, 3);
            let corrected: Vec<_> = after.parts.iter().filter(|part| part.corrected).map(|part| part.name.clone()).collect();
            assert_eq!(corrected, [date(then - 2 * DAY), date(then)].map(|day| day.to_string()));
        }
    }

    async fn servers_that_add_up_at_once_count_everything_once(stores) {
        let user = new_user(&stores).await;
        let now = now_millis();
        let attempts = (0..40).map(|n| attempt(user, WorkId::now_v7(), "openai", now - n * 20 * MINUTE));
        stores.attempts.record(attempts.collect()).await.unwrap();
        let (one, two) = (stats_of(&stores), stats_of(&stores));
        let week = range(Picked::Week, "UTC");
        let (first, second) = tokio::join!(one.costs(week.clone()), two.costs(week.clone()));
        assert_eq!((first.unwrap().total.attempts, second.unwrap().total.attempts), (40, 40));
        stores.attempts.record(vec![attempt(user, WorkId::now_v7(), "gemini", now)]).await.unwrap();
        let (first, second) = tokio::join!(one.look_at_all(now_millis()), two.look_at_all(now_millis()));
        assert!(first.is_ok() && second.is_ok());
        for stats in [one, two, stats_of(&stores)] {
            let costs = stats.costs(week.clone()).await.unwrap();
            assert_eq!((costs.total.attempts, costs.providers.len()), (41, 2));
        }
        let stored = stores.statistics.load(now - 2 * DAY, now + DAY).await.unwrap();
        let places: BTreeSet<_> = stored.iter().map(|bucket| (bucket.source, bucket.start)).collect();
        assert_eq!(places.len(), stored.len());
    }

    async fn a_quarter_of_an_hour_is_stored_once_it_is_over(stores) {
        let user = new_user(&stores).await;
        let now = now_millis();
        let stats = stats_of(&stores);
        let week = range(Picked::Week, "UTC");
        stats.look_at_all(now).await.unwrap();
        stores.attempts.record(vec![attempt(user, WorkId::now_v7(), "openai", now)]).await.unwrap();
        let kept = async || {
            let stored = stores.statistics.load(now - DAY, now + DAY).await.unwrap();
            stored.into_iter().filter(|bucket| bucket.source == Source::Attempts).collect::<Vec<_>>()
        };
        stats.look_at_all(now).await.unwrap();
        assert_eq!(stats.costs(week.clone()).await.unwrap().total.attempts, 1, "it is counted at once");
        assert!(kept().await.is_empty(), "it would be written at each look");
        // Nothing is new of it but that it is over.
        stats.look_at_all(now + BUCKET).await.unwrap();
        let stored = kept().await;
        assert_eq!(stored.iter().map(|bucket| (bucket.mark, bucket.is_corrected)).collect::<Vec<_>>(), [(1, false)]);
        // Also if nobody looked for long.
        let stats = stats_of(&stores);
        stats.look_at_all(now).await.unwrap();
        stores.attempts.record(vec![attempt(user, WorkId::now_v7(), "openai", now)]).await.unwrap();
        stats.look_at_all(now).await.unwrap();
        stats.look_at_all(now + DAY).await.unwrap();
        let stored = kept().await;
        assert_eq!(stored.iter().map(|bucket| (bucket.mark, bucket.is_corrected)).collect::<Vec<_>>(), [(2, false)]);
        assert_eq!(stats.costs(week).await.unwrap().total.attempts, 2);
    }

    async fn sums_stay_when_their_records_are_forgotten(stores) {
        let user = new_user(&stores).await;
        let now = now_millis();
        let attempts = [now - BUCKET, now - 100 * DAY].map(|at| attempt(user, WorkId::now_v7(), "openai", at));
        stores.attempts.record(attempts.to_vec()).await.unwrap();
        let stats = stats_of(&stores);
        let all = range(Picked::Days(date(now - 120 * DAY), date(now)), "UTC");
        assert_eq!(stats.costs(all.clone()).await.unwrap().total.attempts, 2);
        let (from, until) = (now - 120 * DAY, now + BUCKET);
        let marks = async || {
            let marks = stores.statistics.marks(from, until).await.unwrap();
            marks.get(&Source::Attempts).into_iter().flatten().map(|(_, mark)| mark).sum::<i64>()
        };
        assert_eq!(marks().await, 2);
        // Their ids are of now, whatever their time.
        stores.attempts.forget_before(now_millis() + 1000).await.unwrap();
        assert_eq!(marks().await, 0);
        stats.look_at_all(now_millis()).await.unwrap();
        let left = stats_of(&stores).costs(all).await.unwrap().total.attempts;
        assert_eq!(left, 2);
        // Sums go after the same time, with whom they are of.
        assert!(!stores.statistics.load(0, i64::MAX).await.unwrap().is_empty());
        stores.statistics.forget_before(i64::MAX).await.unwrap();
        assert!(stores.statistics.load(0, i64::MAX).await.unwrap().is_empty());
    }

    async fn attempts_are_listed_by_what_they_are_page_by_page(stores) {
        let (ada, bob) = (new_user(&stores).await, new_user(&stores).await);
        let now = now_millis();
        let attempts = vec![
            attempt(ada, WorkId::now_v7(), "openai", now),
            // At the very same time.
            attempt(ada, WorkId::now_v7(), "openai", now),
            Attempt { outcome: Outcome::Cut, ..attempt(bob, WorkId::now_v7(), "gemini", now - MINUTE) },
            attempt(bob, WorkId::now_v7(), "gemini", now - DAY),
        ];
        stores.attempts.record(attempts.clone()).await.unwrap();
        let stats = stats_of(&stores);
        let all = AttemptFilter { from: now - 2 * DAY, until: now + 1, ..AttemptFilter::default() };
        let found = async |filter: &AttemptFilter| {
            let (mut ids, mut before) = (Vec::new(), None);
            loop {
                let page = stats.attempts(filter.clone(), before, 1).await.unwrap();
                let Some(last) = page.last() else { return ids };
                before = Some((last.at, last.id));
                ids.extend(page.iter().map(|attempt| attempt.id));
            }
        };
        let ids: Vec<_> = [1, 0, 2, 3].map(|n: usize| attempts[n].id).to_vec();
        assert_eq!(found(&all).await, ids);
        assert_eq!(found(&AttemptFilter { user: Some(bob.into()), ..all.clone() }).await, ids[2..]);
        assert_eq!(found(&AttemptFilter { provider: Some("openai".into()), ..all.clone() }).await, ids[..2]);
        assert_eq!(found(&AttemptFilter { model: Some("gemini-model".into()), ..all.clone() }).await, ids[2..]);
        assert_eq!(found(&AttemptFilter { only_failed: true, ..all.clone() }).await, ids[2..3]);
        assert_eq!(found(&AttemptFilter { from: now - MINUTE, until: now, ..all }).await, ids[2..3]);
    }

    async fn entries_are_listed_by_what_they_are_page_by_page(stores) {
        let ada = new_user(&stores).await;
        stores.credits.account(ada.into(), "opened").await.unwrap();
        // More than an account keeps with itself, where it does.
        for _ in 0..14 {
            spend(&stores, ada, WorkKind::Chat, 1).await;
        }
        stores.credits.post(posting(ada.into(), PostingKind::Adjust, 3, "sorry")).await.unwrap();
        let image = spend(&stores, ada, WorkKind::Image, 2).await;
        let stats = stats_of(&stores);
        let all = EntryFilter { from: 0, until: now_millis() + MINUTE, ..EntryFilter::default() };
        let found = async |filter: EntryFilter| {
            let (mut entries, mut before) = (Vec::new(), None);
            loop {
                let page = stats.entries(filter, before, 4).await.unwrap();
                let Some(last) = page.last() else { return entries };
                before = Some((last.entry.at, last.entry.id));
                entries.extend(page);
            }
        };
        let listed = found(all).await;
        let mut counted = stores.statistics.entries(all.from, all.until).await.unwrap();
        counted.sort_by_key(|entry| Reverse((entry.at, entry.id)));
        assert_eq!(listed.iter().map(|listed| listed.entry.clone()).collect::<Vec<_>>(), counted);
        let of_kind = |kind: EntryKind| EntryFilter { kind: Some(kind), ..all };
        let amount = |listed: &[ListedEntry]| listed.iter().map(|listed| listed.entry.amount).sum::<i64>();
        let total = stats.overview(range(Picked::Week, "UTC")).await.unwrap().total;
        for (kind, told) in [
            (EntryKind::Grant, total.granted),
            (EntryKind::Settle, -total.spent),
            (EntryKind::Adjust, total.adjusted),
        ] {
            let rows = found(of_kind(kind)).await;
            assert!(!rows.is_empty() && rows.iter().all(|listed| listed.entry.kind == kind));
            assert_eq!(Amount::from_micros(amount(&rows)), told, "{kind:?}: the rows of a number add up to it");
        }
        let chats = found(EntryFilter { work: Some(WorkKind::Chat), ..of_kind(EntryKind::Settle) }).await;
        let images = found(EntryFilter { work: Some(WorkKind::Image), ..of_kind(EntryKind::Settle) }).await;
        assert_eq!((chats.len() as u64, images.len() as u64), (total.chats, total.images));
        assert_eq!(images[0].entry.work_id, Some(image.into()));
        assert!(images.iter().chain(&chats).all(|listed| !listed.request_id.is_empty()));
        assert_eq!(found(of_kind(EntryKind::Grant)).await[0].reason.as_deref(), Some("welcome"));
        let last = listed[0].entry.at;
        assert!(found(EntryFilter { until: last, ..all }).await.iter().all(|listed| listed.entry.at < last));
        assert_eq!(found(EntryFilter { from: last + 1, ..all }).await, []);
    }
}
