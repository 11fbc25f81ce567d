//! The contract of `FlagStore`, and what two servers over the same stores make of it.

use futures::future::join_all;
use tessera::account::Role;
use tessera::app::stores::Stores;
use tessera::audit::store::AuditFilter;
use tessera::audit::{Action, Actor, AuditEntry, AuditLog};
use tessera::flags::store::StoredSetting;
use tessera::flags::{
    Announcement, Closed, Counted, FEWEST_ASKED, Flag, FlagAlerts, Flags, FlagsParts, Rule, Safeguard, Setting, Span,
    Sum, Who,
};
use tessera::platform::error::AppError;
use tessera::platform::ids::{AttemptId, AuditId, UserId, WorkId};
use tessera::platform::time::DAY;
use tessera::platform::work_kind::WorkKind;
use tessera::usage::{Attempt, Outcome};
use uuid::Uuid;

use crate::contracts::over_every_store;

const OPENAI: &str = "provider_chat_openai";

/// A server over these stores.
fn server(stores: &Stores) -> (Flags, FlagAlerts) {
    let alerts = FlagAlerts::default();
    let flags = Flags::new(FlagsParts {
        database: stores.database.clone(),
        store: stores.flags.clone(),
        audit: AuditLog::new(stores.audit.clone()),
        alerts: alerts.clone(),
        providers: vec![(WorkKind::Chat, "openai"), (WorkKind::Chat, "local"), (WorkKind::Image, "openai")],
    });
    (flags, alerts)
}

fn attempt(provider: &str, outcome: Outcome, cost_micros: Option<i64>) -> Attempt {
    Attempt {
        id: AttemptId::now_v7(),
        request_id: "r".to_owned(),
        reply: WorkId::now_v7(),
        user: UserId::now_v7(),
        key: None,
        provider: provider.to_owned(),
        model: "m".to_owned(),
        input_tokens: 1,
        output_tokens: 1,
        is_estimated: false,
        cost_micros,
        latency_ms: 1,
        first_token_ms: None,
        outcome,
        price_version: None,
        at: 1,
    }
}

fn ask(flags: &Flags, outcome: Outcome, cost: Option<i64>, times: i64) {
    for _ in 0..times {
        flags.count(WorkKind::Chat, &attempt("openai", outcome, cost));
    }
}

async fn changes(stores: &Stores) -> Vec<AuditEntry> {
    let filter = AuditFilter { action: Some(Action::FlagChanged), ..AuditFilter::default() };
    stores.audit.list(filter, AuditId::max(), 100).await.unwrap()
}

fn ada() -> Actor {
    Actor::User(Uuid::from_u128(7).into())
}

const fn rule(rule: Rule) -> Setting {
    Setting { rule, safeguard: Safeguard { error_percent: None, spend_micros: None }, daily_cap_micros: None }
}

/// Since the minute after this one, everything counts.
async fn arm(flags: &Flags, guard: Safeguard) {
    let setting = Setting { safeguard: guard, ..Setting::default() };
    flags.change(ada(), OPENAI, 0, setting).await.unwrap();
}

/// What a server counted of the provider in the minute that begins next, as if that were now.
fn minute_after(flags: &Flags, stores: &Stores, sum: Sum) -> Counted {
    let changed = flags.find(OPENAI).unwrap().changed_at.unwrap();
    let at = Span::Minute.start(changed.max(stores.database.now())) + 60_000;
    Counted { span: Span::Minute, at, kind: WorkKind::Chat, provider: "openai".to_owned(), sum }
}

over_every_store! {
    async fn a_setting_is_kept_only_over_the_version_before(stores) {
        let put = async |version: i64, value: &str| {
            let (name, value) = ("chat".to_owned(), value.to_owned());
            stores.flags.put(StoredSetting { name, version, value, changed_at: version, changed_by: ada() }).await.unwrap()
        };
        assert!(!put(2, "early").await && put(1, "one").await && !put(1, "again").await);
        assert!(put(2, "two").await && !put(2, "again").await && !put(4, "far").await);
        let other = StoredSetting { name: "v1".into(), version: 1, value: "x".into(), changed_at: 5, changed_by: Actor::System };
        assert!(stores.flags.put(other.clone()).await.unwrap());
        let mut found = stores.flags.list().await.unwrap();
        found.sort_by(|one, two| one.name.cmp(&two.name));
        let two = StoredSetting { name: "chat".into(), version: 2, value: "two".into(), changed_at: 2, changed_by: ada() };
        assert_eq!(found, [two, other]);
        // Many at once: one of them.
        let all = join_all((0..16).map(|_| put(3, "three"))).await;
        assert_eq!(all.iter().filter(|kept| **kept).count(), 1);
    }

    async fn counts_are_told_as_a_whole_and_summed_over_servers(stores) {
        let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
        let count = |span, at, asked| Counted {
            span, at, kind: WorkKind::Chat, provider: "openai".to_owned(), sum: Sum { asked, failed: 1, cost_micros: 2 },
        };
        let keep = async |server, counts: Vec<Counted>| stores.flags.keep_counts(server, counts).await.unwrap();
        let day = 20_000 * DAY;
        keep(one, vec![count(Span::Day, day, 1), count(Span::Minute, day, 1), count(Span::Minute, day + 60_000, 1)]).await;
        keep(two, vec![count(Span::Day, day, 4)]).await;
        for _ in 0..2 {
            keep(one, vec![count(Span::Day, day, 3)]).await;
        }
        keep(one, vec![count(Span::Day, day - DAY, 9)]).await;
        let found = stores.flags.counts(day, day + 60_000).await.unwrap();
        let sum = |span: Span| found.iter().filter(|row| row.span == span).map(|row| row.sum.asked).sum::<i64>();
        assert_eq!((found.len(), sum(Span::Day), sum(Span::Minute)), (3, 7, 1), "{found:?}");
        stores.flags.forget_counts(day + 1).await.unwrap();
        assert_eq!(stores.flags.counts(day, day).await.unwrap().len(), 1);
    }

    async fn a_change_holds_here_at_once_and_there_with_the_next_look(stores) {
        let ((here, _), (there, _)) = (server(&stores), server(&stores));
        let who = Who { user: UserId::now_v7(), role: Role::User };
        assert!(here.check(Flag::Chat, who).is_ok() && there.check(Flag::Chat, who).is_ok());
        here.change(ada(), "chat", 0, rule(Rule::Off)).await.unwrap();
        assert!(matches!(here.check(Flag::Chat, who), Err(AppError::SwitchedOff(_))));
        assert!(there.allows(Flag::Chat, Some(&who)));
        there.load().await.unwrap();
        assert!(!there.allows(Flag::Chat, Some(&who)) && there.allows(Flag::Images, Some(&who)));
        // A server that starts now.
        let (late, _) = server(&stores);
        late.load().await.unwrap();
        assert!(!late.allows(Flag::Chat, Some(&who)));
        let admins = Rule::Roles { roles: vec![Role::Admin] };
        there.change(ada(), "chat", 1, rule(admins)).await.unwrap();
        assert!(!there.allows(Flag::Chat, Some(&who)) && there.allows(Flag::Chat, Some(&Who { role: Role::Admin, ..who })));
        assert!(matches!(there.check_visitor(Flag::Chat), Err(AppError::SwitchedOff(_))));
        assert!(there.check_anybody(Flag::Chat).is_ok());
    }

    async fn of_two_who_change_the_same_one_is_told_and_the_log_has_one_line(stores) {
        let ((here, _), (there, _)) = (server(&stores), server(&stores));
        let eve = Actor::User(Uuid::from_u128(8).into());
        let (one, two) = tokio::join!(
            here.change(ada(), "images", 0, rule(Rule::Off)),
            there.change(eve, "images", 0, rule(Rule::Percent { share: 500 })),
        );
        assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1, "{one:?} {two:?}");
        assert!([one.as_ref().err(), two.as_ref().err()].into_iter().flatten().all(|error| error.code() == "conflict"));
        let log = changes(&stores).await;
        assert_eq!(log.len(), 1, "{log:?}");
        // Whoever did it says so again: it is done, and not written twice.
        let (done, by, setting) = if one.is_ok() {
            (here, ada(), rule(Rule::Off))
        } else {
            (there, eve, rule(Rule::Percent { share: 500 }))
        };
        assert_eq!(done.change(by, "images", 0, setting).await.unwrap().version, 1);
        assert_eq!(done.change(Actor::System, "images", 0, rule(Rule::On)).await.unwrap_err().code(), "conflict");
        assert_eq!(changes(&stores).await.len(), 1);
        assert_eq!(done.change(by, "nothing", 0, rule(Rule::Off)).await.unwrap_err(), AppError::NotFound);
    }

    async fn a_flag_has_only_what_it_can_have(stores) {
        let (flags, _) = server(&stores);
        let refused = async |name: &str, setting: Setting| match flags.change(ada(), name, 0, setting).await {
            Err(AppError::InvalidInput { field, .. }) => field,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(refused("sign_up", rule(Rule::Percent { share: 5_000 })).await, "state");
        assert_eq!(refused("chat", rule(Rule::Roles { roles: Vec::new() })).await, "roles");
        let guard = Safeguard { error_percent: Some(50), spend_micros: None };
        assert_eq!(refused("purchases", Setting { safeguard: guard, ..Setting::default() }).await, "safeguard");
        assert_eq!(refused("chat", Setting { daily_cap_micros: Some(1), ..Setting::default() }).await, "dailyCapMicros");
        assert!(changes(&stores).await.is_empty());
    }

    async fn a_safeguard_trips_once_however_many_servers_look(stores) {
        let servers: Vec<_> = (0..3).map(|_| server(&stores)).collect();
        let first = &servers[0].0;
        arm(first, Safeguard { error_percent: Some(50), spend_micros: None }).await;
        // Each server alone has too few.
        let sum = Sum { asked: FEWEST_ASKED / 2, failed: FEWEST_ASKED / 4, cost_micros: 0 };
        let count = minute_after(first, &stores, sum);
        stores.flags.keep_counts(Uuid::now_v7(), vec![count.clone()]).await.unwrap();
        join_all(servers.iter().map(|(flags, _)| flags.refresh())).await.into_iter().for_each(|done| done.unwrap());
        assert!(first.find(OPENAI).unwrap().setting.rule == Rule::On, "there are too few");
        stores.flags.keep_counts(Uuid::now_v7(), vec![count]).await.unwrap();
        join_all(servers.iter().map(|(flags, _)| flags.refresh())).await.into_iter().for_each(|done| done.unwrap());
        for (flags, _) in &servers {
            flags.load().await.unwrap();
            let status = flags.find(OPENAI).unwrap();
            assert_eq!((status.setting.rule, status.version, status.changed_by), (Rule::Off, 2, Some(Actor::System)));
        }
        let log: Vec<_> = changes(&stores).await.into_iter().filter(|entry| entry.actor == Actor::System).collect();
        assert_eq!(log.len(), 1, "{log:?}");
        assert_eq!(log[0].after.as_ref().unwrap()["reason"], "error_rate");
        let tripped: u64 = servers.iter().map(|(_, alerts)| alerts.tripped.get()).sum();
        assert_eq!(tripped, 1);
        // It never comes on again by itself, and once somebody has, what was before does not count.
        join_all(servers.iter().map(|(flags, _)| flags.refresh())).await.into_iter().for_each(|done| done.unwrap());
        assert_eq!(first.find(OPENAI).unwrap().version, 2);
    }

    async fn what_was_counted_before_a_change_does_not_trip_it_again(stores) {
        let (flags, alerts) = server(&stores);
        arm(&flags, Safeguard { error_percent: Some(10), spend_micros: Some(1) }).await;
        // In the minute of the change, and before.
        ask(&flags, Outcome::Timeout, Some(1_000), FEWEST_ASKED);
        flags.refresh().await.unwrap();
        flags.refresh().await.unwrap();
        assert_eq!((flags.find(OPENAI).unwrap().version, alerts.tripped.get()), (1, 0));
    }

    async fn what_callers_choose_trips_nothing(stores) {
        let (flags, alerts) = server(&stores);
        arm(&flags, Safeguard { error_percent: Some(1), spend_micros: None }).await;
        for outcome in [Outcome::Ok, Outcome::Stopped, Outcome::Blocked, Outcome::Rejected] {
            ask(&flags, outcome, Some(1), FEWEST_ASKED);
        }
        flags.load().await.unwrap();
        let day = Span::Day.start(stores.database.now());
        let found = stores.flags.counts(day, i64::MAX).await.unwrap();
        assert_eq!(found.iter().map(|row| (row.sum.asked, row.sum.failed)).collect::<Vec<_>>(), [(4 * FEWEST_ASKED, 0)]);
        assert_eq!(alerts.tripped.get(), 0);
    }

    async fn a_cap_closes_a_provider_on_all_servers_and_says_so_before(stores) {
        let ((here, alerts), (there, others)) = (server(&stores), server(&stores));
        let cap = Setting { daily_cap_micros: Some(1_000), ..Setting::default() };
        here.change(ada(), OPENAI, 0, cap).await.unwrap();
        let who = Who { user: UserId::now_v7(), role: Role::User };
        let closed = |flags: &Flags| flags.closed(WorkKind::Chat, "openai", Some(&who));
        ask(&here, Outcome::Ok, Some(799), 1);
        here.refresh().await.unwrap();
        assert_eq!((closed(&here), alerts.near.get()), (None, 0));
        // What this server knows itself counts before anybody has written it, and what has no price costs nothing that is known.
        ask(&here, Outcome::Ok, Some(1), 1);
        ask(&here, Outcome::Ok, None, 5);
        for _ in 0..2 {
            here.refresh().await.unwrap();
        }
        assert_eq!((closed(&here), alerts.near.get(), alerts.reached.get()), (None, 1, 0), "said once");
        there.load().await.unwrap();
        ask(&there, Outcome::Ok, Some(200), 1);
        assert_eq!((closed(&there), closed(&here)), (Some(Closed::Spent), None));
        there.refresh().await.unwrap();
        here.refresh().await.unwrap();
        assert_eq!(closed(&here), Some(Closed::Spent));
        assert_eq!((alerts.reached.get(), others.reached.get()), (1, 1));
        // Nobody else is closed by it.
        assert_eq!(here.closed(WorkKind::Image, "openai", Some(&who)), None);
        assert_eq!(here.closed(WorkKind::Chat, "local", Some(&who)), None);
        // A server that starts again knows what was spent.
        let (late, _) = server(&stores);
        late.load().await.unwrap();
        assert_eq!(closed(&late), Some(Closed::Spent));
        let more = Setting { daily_cap_micros: Some(1_001), ..Setting::default() };
        here.change(ada(), OPENAI, 1, more).await.unwrap();
        assert_eq!(closed(&here), None);
    }

    async fn what_is_announced_is_one_thing_on_all_servers(stores) {
        let ((here, _), (there, _)) = (server(&stores), server(&stores));
        let hello = Announcement { en: "Hello".to_owned(), ..Announcement::default() };
        let made = here.announce(ada(), 0, hello.clone()).await.unwrap();
        assert_eq!(made.version, 1);
        assert_eq!(here.announce(ada(), 0, hello.clone()).await.unwrap(), made, "said again");
        let other = Announcement { en: "Other".to_owned(), ..Announcement::default() };
        assert_eq!(there.announce(Actor::System, 0, other.clone()).await.unwrap_err().code(), "conflict");
        assert_eq!(there.announced(), Some(made));
        there.announce(Actor::System, 1, other.clone()).await.unwrap();
        here.load().await.unwrap();
        assert_eq!(here.announced().map(|announced| announced.announcement), Some(other));
        let filter = AuditFilter { action: Some(Action::AnnouncementChanged), ..AuditFilter::default() };
        assert_eq!(stores.audit.list(filter, AuditId::max(), 100).await.unwrap().len(), 2);
    }

    async fn what_a_newer_server_wrote_leaves_a_flag_as_it_was(stores) {
        let (flags, _) = server(&stores);
        flags.change(ada(), "chat", 0, rule(Rule::Off)).await.unwrap();
        let odd = |name: &str, version| StoredSetting {
            name: name.to_owned(), version, value: r#"{"state":"lunar"}"#.to_owned(), changed_at: 1, changed_by: ada(),
        };
        assert!(stores.flags.put(odd("chat", 2)).await.unwrap());
        assert!(stores.flags.put(odd("images", 1)).await.unwrap());
        assert!(stores.flags.put(odd("of_the_future", 1)).await.unwrap());
        flags.load().await.unwrap();
        let who = Who { user: UserId::now_v7(), role: Role::User };
        assert!(!flags.allows(Flag::Chat, Some(&who)) && flags.allows(Flag::Images, Some(&who)));
    }
}
