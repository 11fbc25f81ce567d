//! Traces of requests: what they show, how long they are kept, and giving back what a request was charged, once.

use futures::future::join_all;
use serde_json::{Value, json};
use tessera::account::Role;
use tessera::account::server::sessions::UserStatus;
use tessera::account::server::store::User as StoredUser;
use tessera::admin::server::{Authority, GoodwillRequest};
use tessera::app::stores::Stores;
use tessera::audit::store::AuditFilter;
use tessera::audit::{Action, Actor};
use tessera::credits::ReleaseReason;
use tessera::credits::server::store::{HoldEnd, NewHold, WorkKind};
use tessera::platform::amount::Amount;
use tessera::platform::db::now_millis;
use tessera::platform::error::AppError;
use tessera::platform::ids::{AttemptId, AuditId, TraceId, UserId, WorkId};
use tessera::platform::trace::{Fact, Step, StepKind, TraceRecord};
use tessera::usage::server::prices::PriceTable;
use tessera::usage::{Attempt, Outcome};
use uuid::Uuid;

use crate::contracts::over_every_store;
use crate::mongod::{Kind, Mongod};
use crate::support::{TestApp, User, answer};

fn trace(request_id: &str, user: Option<UserId>, at: i64) -> TraceRecord {
    TraceRecord {
        id: TraceId::now_v7(),
        request_id: request_id.to_owned(),
        what: "POST /api/chat".to_owned(),
        user,
        at,
        status: Some(200),
        took: 1200,
        steps: vec![Step {
            kind: StepKind::Attempt,
            at: 3,
            took: u32::MAX,
            facts: vec![Fact { name: "provider".into(), value: "fake".to_owned() }],
        }],
        cut: 7,
        parent: None,
        is_kept: true,
    }
}

/// Work of a request that is held, and not ended.
async fn hold(stores: &Stores, user: UserId, request_id: &str) -> NewHold {
    let hold = NewHold {
        id: WorkId::now_v7(),
        owner: user.into(),
        user,
        kind: WorkKind::Chat,
        amount: Amount::credits(2),
        least: Amount::credits(2),
        ceiling: Amount::credits(2),
        price_version: String::new(),
        request_id: request_id.to_owned(),
        idempotency: None,
        key: None,
        limits: Vec::new(),
        lease_until: now_millis() + 30_000,
    };
    stores.credits.hold(hold.clone()).await.unwrap();
    hold
}

async fn settle(stores: &Stores, hold: &NewHold, credits: u32) {
    let end = HoldEnd::Settle(Amount::credits(credits.into()));
    stores.credits.end_hold(&hold.held(), end, None).await.unwrap().unwrap();
}

async fn release(stores: &Stores, hold: &NewHold) {
    stores.credits.end_hold(&hold.held(), HoldEnd::Release, Some(ReleaseReason::Failed)).await.unwrap().unwrap();
}

async fn add_user(stores: &Stores) -> UserId {
    let user = StoredUser {
        id: UserId::now_v7(),
        email: format!("{}@example.org", Uuid::now_v7().simple()),
        name: "Ada".into(),
        password_hash: None,
        email_verified_at: None,
        role: Role::User,
        status: UserStatus::Active,
    };
    assert!(stores.accounts.create_user(user.clone()).await.unwrap());
    user.id
}

fn reason(work: Option<WorkId>) -> GoodwillRequest {
    GoodwillRequest { reason: "Sorry".to_owned(), work_id: work.map(|work| work.to_string()) }
}

over_every_store! {
    async fn a_trace_is_kept_as_it_is_and_once(stores) {
        let now = now_millis();
        let first = trace("r1", Some(UserId::now_v7()), now);
        let second = TraceRecord { status: None, steps: Vec::new(), ..trace("r1", None, now + 1) };
        stores.traces.record(Vec::new()).await.unwrap();
        stores.traces.record(vec![second.clone(), trace("r2", None, now)]).await.unwrap();
        // As if the answer to the first write had been lost.
        let changed = TraceRecord { what: "other".into(), ..second.clone() };
        stores.traces.record(vec![changed, first.clone()]).await.unwrap();
        assert_eq!(stores.traces.find("r1").await.unwrap(), [first, second]);
        assert!(stores.traces.find("r3").await.unwrap().is_empty());
        let many: Vec<_> = (0..60).map(|n| trace("same", None, now + n)).collect();
        stores.traces.record(many.clone()).await.unwrap();
        assert_eq!(stores.traces.find("same").await.unwrap(), many[10..], "the newest of them");
    }

    async fn traces_go_with_their_time_and_with_their_user(stores) {
        let (now, user) = (now_millis(), UserId::now_v7());
        stores.traces.record(vec![trace("r", Some(user), now), trace("r", None, now - 2000)]).await.unwrap();
        stores.traces.forget_before(now - 1000).await.unwrap();
        assert_eq!(stores.traces.find("r").await.unwrap().len(), 1);
        stores.traces.forget_user(UserId::now_v7()).await.unwrap();
        assert_eq!(stores.traces.find("r").await.unwrap().len(), 1);
        stores.traces.forget_user(user).await.unwrap();
        assert!(stores.traces.find("r").await.unwrap().is_empty());
    }

    async fn the_oldest_traces_make_room_for_new_ones(stores) {
        let (now, flood, other) = (now_millis(), UserId::now_v7(), UserId::now_v7());
        let quiet = trace("quiet", Some(other), now - 10_000);
        let stranger = trace("stranger", None, now - 20_000);
        let many: Vec<_> = (0..1200).map(|n| trace(&format!("r{n}"), Some(flood), now + n)).collect();
        stores.traces.record([vec![quiet.clone(), stranger.clone()], many.clone()].concat()).await.unwrap();
        let kept = async |request_id: &str| stores.traces.find(request_id).await.unwrap().len();
        stores.traces.keep_newest_of(flood, 5).await.unwrap();
        assert_eq!([kept("r1194").await, kept("r1195").await, kept("r1199").await], [0, 1, 1]);
        assert_eq!([kept("quiet").await, kept("stranger").await], [1, 1], "others' stay");
        stores.traces.keep_newest_of(flood, 5).await.unwrap();
        stores.traces.keep_newest(7).await.unwrap();
        assert_eq!([kept("r1195").await, kept("quiet").await, kept("stranger").await], [1, 1, 1], "seven are there");
        stores.traces.keep_newest(6).await.unwrap();
        assert_eq!([kept("quiet").await, kept("stranger").await], [1, 0]);
        stores.traces.record(many).await.unwrap();
        stores.traces.keep_newest(3).await.unwrap();
        assert_eq!([kept("quiet").await, kept("r1196").await, kept("r1197").await], [0, 0, 1], "in many pieces");
    }

    async fn the_entries_of_a_request_are_found_wherever_they_are(stores) {
        let (user, other) = (UserId::now_v7(), UserId::now_v7());
        let first = hold(&stores, user, "r").await;
        settle(&stores, &first, 1).await;
        // So many that MongoDB files the first ones.
        for n in 0..40 {
            let between = hold(&stores, user, &format!("other {n}")).await;
            release(&stores, &between).await;
        }
        let last = hold(&stores, user, "r").await;
        let of_other = hold(&stores, other, "r").await;
        let entries = stores.credits.entries_of_request(user.into(), "r", 100).await.unwrap();
        let told: Vec<_> = entries.iter().map(|entry| (entry.kind.as_str(), entry.work_id.clone().unwrap_or_default())).collect();
        let id = |hold: &NewHold| hold.id.to_string();
        assert_eq!(told, [
            // The account was opened by it.
            ("grant", String::new()),
            ("hold", id(&first)),
            ("settle", id(&first)),
            ("hold", id(&last)),
        ]);
        let newest = stores.credits.entries_of_request(user.into(), "r", 1).await.unwrap();
        assert_eq!(newest[0].work_id, Some(id(&last)));
        for open in [last, of_other] {
            release(&stores, &open).await;
        }
    }

    async fn goodwill_gives_back_what_was_charged_once(stores) {
        let user = add_user(&stores).await;
        let (charged, free) = (hold(&stores, user, "r").await, hold(&stores, user, "free").await);
        settle(&stores, &charged, 1).await;
        release(&stores, &free).await;
        let now = now_millis();
        stores.traces.record(vec![trace("r", Some(user), now), trace("free", Some(user), now)]).await.unwrap();
        let admin = stores.admin(stores.stats(PriceTable::default()));
        let presses = (0..20).map(|_| {
            let admin = admin.clone();
            tokio::spawn(async move { admin.give_goodwill(Authority::operator(), "r", &reason(None)).await.unwrap() })
        });
        let given = join_all(presses).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        assert!(given.iter().all(|given| given.amount == Amount::credits(1)), "{given:?}");
        assert_eq!(given.iter().filter(|given| !given.repeated).count(), 1);
        let account = stores.credits.account(user.into(), "").await.unwrap();
        assert_eq!(account.balance.available, Amount::credits(10));
        let entry = &stores.credits.ledger(user.into(), None, 1).await.unwrap().unwrap().items[0];
        assert_eq!((entry.kind.as_str(), entry.reason.as_deref()), ("adjust", Some("Sorry")));
        assert_eq!(entry.lots[0].origin.as_str(), "goodwill");
        let filter = AuditFilter { action: Some(Action::GoodwillGiven), ..AuditFilter::default() };
        let log = stores.audit.list(filter, AuditId::max(), 10).await.unwrap();
        assert_eq!(log.len(), 1);
        assert_eq!((log[0].actor, log[0].target), (Actor::Operator, Some(user)));
        assert_eq!(log[0].after.as_ref().unwrap()["reason"], "Sorry");
        // What was given back was never charged.
        let refused = admin.give_goodwill(Authority::operator(), "free", &reason(None)).await.unwrap_err();
        assert!(matches!(refused, AppError::Conflict(_)), "{refused:?}");
        let refused = admin.give_goodwill(Authority::operator(), "free", &reason(Some(free.id))).await.unwrap_err();
        assert!(matches!(refused, AppError::Conflict(_)), "{refused:?}");
        let refused = admin.give_goodwill(Authority::operator(), "free", &reason(Some(charged.id))).await.unwrap_err();
        assert_eq!(refused, AppError::NotFound, "it is another request's");
        assert_eq!(admin.give_goodwill(Authority::operator(), "none", &reason(None)).await.unwrap_err(), AppError::NotFound);
        let empty = GoodwillRequest { reason: " ".to_owned(), work_id: None };
        let refused = admin.give_goodwill(Authority::operator(), "r", &empty).await.unwrap_err();
        assert!(matches!(refused, AppError::InvalidInput { .. }), "{refused:?}");
    }

    async fn nothing_is_charged_yet_of_what_is_open(stores) {
        let user = add_user(&stores).await;
        let open = hold(&stores, user, "r").await;
        let attempt = Attempt {
            id: AttemptId::now_v7(),
            request_id: "r".into(),
            reply: open.id,
            user,
            key: None,
            provider: "fake".into(),
            model: "m".into(),
            input_tokens: 1,
            output_tokens: 1,
            is_estimated: false,
            cost_micros: None,
            latency_ms: 5,
            first_token_ms: None,
            outcome: Outcome::Ok,
            price_version: None,
            at: now_millis(),
        };
        // The trace is lost: whose money it is, the attempt tells.
        stores.attempts.record(vec![attempt]).await.unwrap();
        let (admin, by) = (stores.admin(stores.stats(PriceTable::default())), Authority::operator());
        let found = admin.show_trace(by, "r").await.unwrap();
        assert_eq!((found.traces.len(), found.work.len(), found.work[0].open), (0, 1, Amount::credits(2)));
        let refused = admin.give_goodwill(by, "r", &reason(Some(open.id))).await.unwrap_err();
        assert!(matches!(refused, AppError::Conflict(_)), "{refused:?}");
        settle(&stores, &open, 2).await;
        let work = admin.show_trace(by, "r").await.unwrap().work.remove(0);
        let two = Amount::credits(2);
        assert_eq!((work.held, work.charged, work.released, work.open), (two, two, Amount::ZERO, Amount::ZERO));
    }
}

impl TestApp {
    /// Waits until what has ended so far is stored.
    pub async fn flush_traces(&self) {
        // The last who works for a request may still have its handle for a moment after the answer.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        self.state.generation.usage.flush().await;
        self.state.generation.traces.flush().await;
    }
}

impl User {
    async fn chat_as(&self, request_id: &str, message: &str) -> (u16, Value) {
        let request = self.post("/api/chat").header("x-request-id", request_id);
        answer(request.json(&json!({ "message": message }))).await
    }

    /// The trace with this id, once it is there.
    async fn trace(&self, app: &TestApp, request_id: &str) -> Value {
        for _ in 0..50 {
            app.flush_traces().await;
            let (status, mut found) = self.get_json(&format!("/api/admin/traces/{request_id}")).await;
            if status == 200 && !found["data"]["traces"].as_array().unwrap().is_empty() {
                return found["data"].take();
            }
        }
        panic!("there is no trace of {request_id}");
    }
}

fn kinds(trace: &Value) -> Vec<&str> {
    trace["steps"].as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_shown_from_who_asked_to_what_was_charged() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "10"), ("CHAT_CACHE", "shared")]).await;
    let (admin, user) = (app.admin().await, app.user().await);
    let (status, _) = user.chat_as("first", "a very private question").await;
    assert_eq!(status, 200);
    let found = admin.trace(&app, "first").await;
    let trace = &found["traces"][0];
    assert_eq!((&trace["what"], &trace["status"]), (&json!("POST /api/chat"), &json!(200)));
    assert_eq!(trace["userId"], json!(user.id().await));
    assert_eq!(kinds(trace), ["caller", "limit", "cache", "hold", "attempt", "settle"]);
    let facts = |kind: &str| {
        let steps = trace["steps"].as_array().unwrap();
        steps.iter().find(|step| step["kind"] == kind).unwrap()["facts"].clone()
    };
    assert_eq!((&facts("attempt")["provider"], &facts("attempt")["outcome"]), (&json!("openai"), &json!("ok")));
    assert_eq!((&facts("hold")["held"], &facts("settle")["charged"]), (&json!("1"), &json!("1")));
    assert_eq!(
        (&found["attempts"][0]["model"], &found["attempts"][0]["outcome"]),
        (&json!("fake-model"), &json!("ok"))
    );
    let work = &found["work"][0];
    let money = ["held", "charged", "released", "open"].map(|name| work[name].clone());
    assert_eq!(money, [json!(1), json!(1), json!(0), json!(0)], "{work}");
    assert_eq!(found["ledger"].as_array().unwrap().len(), 2);
    // Asked again, it is given from the cache, and nothing is held.
    assert_eq!(user.chat_as("cached", "a very private question").await.1["data"]["cached"], true);
    let cached = admin.trace(&app, "cached").await;
    assert_eq!(kinds(&cached["traces"][0]), ["caller", "limit", "cache"]);
    assert_eq!(cached["work"], json!([]));
    // What spends nothing is not kept.
    let read = user.get("/api/conversations").header("x-request-id", "reading").send().await.unwrap();
    assert_eq!(read.status(), 200);
    app.flush_traces().await;
    assert_eq!(admin.get_json("/api/admin/traces/reading").await.0, 404);
    for text in [found.to_string(), admin.page("/admin/traces/first").await.1] {
        assert!(!text.contains("private question") && !text.contains("correct horse"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_shown_with_each_attempt_and_was_free() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    assert_eq!(user.chat_as("failed", "#status=500").await.0, 502);
    let found = admin.trace(&app, "failed").await;
    assert_eq!(kinds(&found["traces"][0]), ["caller", "limit", "hold", "attempt", "release"]);
    assert_eq!((&found["attempts"][0]["outcome"], &found["traces"][0]["status"]), (&json!("unavailable"), &json!(502)));
    let work = &found["work"][0];
    assert_eq!((&work["charged"], &work["released"], &work["open"]), (&json!(0), &json!(1), &json!(0)));
    let path = "/api/admin/traces/failed/goodwill";
    let (status, refused) = admin.post_json(path, &json!({"reason": "Sorry"})).await;
    assert_eq!((status, refused["code"].as_str()), (409, Some("conflict")), "{refused}");
    // Work that outlives its request, and was stopped by another one.
    let stream = user.post("/api/chat").header("x-request-id", "stopped").header("accept", "text/event-stream");
    let stream = stream.json(&json!({"message": "#tokens=50 #pause=50"})).send().await.unwrap();
    let mut events = crate::support::EventReader::new(stream);
    let (_, start) = events.next_named("start").await;
    events.next_named("token").await;
    let id = start["messageId"].as_str().unwrap();
    assert_eq!(answer(user.post(&format!("/api/chat/{id}/stop"))).await.0, 200);
    events.rest().await;
    let found = admin.trace(&app, "stopped").await;
    assert_eq!(kinds(&found["traces"][0]), ["caller", "limit", "hold", "attempt", "settle"]);
    assert_eq!(found["attempts"][0]["outcome"], "stopped");
    // Refused before anything was held.
    let poor = app.user().await.with_key(&json!({"budget": 0.5})).await;
    assert_eq!(poor.chat_as("refused", "Hello").await.0, 402);
    let found = admin.trace(&app, "refused").await;
    let steps = found["traces"][0]["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["kind"], "hold");
    assert!(steps.last().unwrap()["facts"]["refused"].is_string(), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_floods_leaves_a_bounded_number_of_traces_and_none_of_others_goes() {
    let app =
        TestApp::start_with(&[("TRACES_PER_USER", "10"), ("RATE_LIMIT_PER_MINUTE", "200"), ("FREE_CREDITS", "1000")])
            .await;
    let (admin, user, other) = (app.admin().await, app.user().await, app.user().await);
    assert_eq!(other.chat_as("of-another", "Hello").await.0, 200);
    for _ in 0..40 {
        assert_eq!(user.chat_as("flood", "Hello").await.0, 200);
        app.state.generation.traces.flush().await;
    }
    // Refused, as nothing is asked.
    for _ in 0..60 {
        assert_eq!(user.chat_as("refused", "").await.0, 400);
    }
    app.flush_traces().await;
    let traces = &app.state.stores.traces;
    let (flood, refused) = (traces.find("flood").await.unwrap().len(), traces.find("refused").await.unwrap().len());
    assert!(flood + refused <= 11, "{flood} and {refused} are kept");
    assert!(refused >= 1);
    assert_eq!(admin.trace(&app, "of-another").await["traces"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn images_sign_ins_and_payments_leave_traces_too() {
    let (app, seller) = TestApp::start_selling(&[]).await;
    let (admin, user) = (app.admin().await, app.user().await);
    let paint = json!({"prompt": "a secret fox", "aspectRatio": "21:9"});
    let request = user.post("/api/image").header("x-request-id", "image").header("prefer", "wait");
    assert_eq!(answer(request.json(&paint)).await.0, 200);
    let found = admin.trace(&app, "image").await;
    assert_eq!(kinds(&found["traces"][0]), ["caller", "limit", "hold", "attempt", "settle"]);
    assert!(!found.to_string().contains("secret fox"));
    let form = json!({"email": user.email, "password": crate::support::PASSWORD});
    let request = app.visitor().post("/api/auth/login").header("x-request-id", "login");
    assert_eq!(answer(request.json(&form)).await.0, 200);
    let found = admin.trace(&app, "login").await;
    assert_eq!((&found["traces"][0]["userId"], kinds(&found["traces"][0])), (&json!(user.id().await), vec!["caller"]));
    assert!(!found.to_string().contains(&user.email));
    let (_, bought) = user.post_json("/api/credits/purchase", &json!({"pack": "500"})).await;
    let order = bought["data"]["orderId"].as_str().unwrap();
    seller.approve(order);
    let request = user.post("/api/credits/capture").header("x-request-id", "capture");
    assert_eq!(answer(request.json(&json!({"orderId": order}))).await.0, 200);
    let found = admin.trace(&app, "capture").await;
    assert_eq!(kinds(&found["traces"][0]), ["caller", "payment"]);
    assert_eq!(found["ledger"][0]["entry"]["kind"], "purchase");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_presses_of_two_admins_one_gives_the_credits_back() {
    for server in [None, Some(Mongod::start(Kind::Standalone).await)] {
        let uri = server.as_ref().map(Mongod::uri);
        let vars: Vec<(&str, &str)> = uri.as_deref().map(|uri| ("MONGODB_URI", uri)).into_iter().collect();
        let app = TestApp::start_with(&[&vars[..], &[("FREE_CREDITS", "10")]].concat()).await;
        let (one, two, user) = (app.admin().await, app.admin().await, app.user().await);
        assert_eq!(user.chat_as("r", "Hello").await.0, 200);
        one.trace(&app, "r").await;
        assert_eq!(user.credits().await["available"], 9);
        let presses = (0..20).map(|n| {
            let (admin, reason) = if n % 2 == 0 { (&one, "The answer was cut") } else { (&two, "Sorry") };
            async move { admin.post_json("/api/admin/traces/r/goodwill", &json!({ "reason": reason })).await }
        });
        let given = join_all(presses).await;
        for (status, body) in &given {
            assert_eq!((*status, &body["data"]["amount"]), (200, &json!(1)), "{body}");
        }
        assert_eq!(given.iter().filter(|(_, body)| body["data"]["repeated"] == false).count(), 1);
        assert_eq!(user.credits().await["available"], 10);
        let (_, log) = one.get_json("/api/admin/audit?action=goodwill_given").await;
        let log = log["data"]["items"].as_array().unwrap();
        assert_eq!((log.len(), &log[0]["after"]["requestId"]), (1, &json!("r")));
        assert_eq!(log[0]["target"], json!(user.id().await));
        let found = one.trace(&app, "r").await;
        assert_eq!(found["work"][0]["goodwill"], json!(1));
        for nobody in [&user, &user.with_key(&json!({})).await] {
            let refused = nobody.post_json("/api/admin/traces/r/goodwill", &json!({"reason": "me"})).await;
            assert_eq!(refused.0, 403);
        }
        app.assert_books_balance().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_repeats_shows_all_that_have_it_and_goodwill_is_for_one() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "10")]).await;
    let (admin, user, other) = (app.admin().await, app.user().await, app.user().await);
    for sender in [&user, &user, &other] {
        assert_eq!(sender.chat_as("same", "Hello").await.0, 200);
    }
    let mut found = admin.trace(&app, "same").await;
    for _ in 0..50 {
        if found["traces"].as_array().unwrap().len() == 3 {
            break;
        }
        found = admin.trace(&app, "same").await;
    }
    let lengths = ["traces", "attempts", "work"].map(|name| found[name].as_array().unwrap().len());
    assert_eq!(lengths, [3, 3, 3], "{found}");
    let path = "/api/admin/traces/same/goodwill";
    let (status, refused) = admin.post_json(path, &json!({"reason": "Sorry"})).await;
    assert_eq!((status, refused["field"].as_str()), (400, Some("workId")), "{refused}");
    let of_other = json!(other.id().await);
    let work = found["work"].as_array().unwrap().iter().find(|work| work["userId"] == of_other).unwrap();
    let (status, given) = admin.post_json(path, &json!({"reason": "Sorry", "workId": work["workId"]})).await;
    assert_eq!((status, &given["data"]["userId"]), (200, &of_other), "{given}");
    assert_eq!(
        (user.credits().await["available"].clone(), other.credits().await["available"].clone()),
        (json!(8), json!(10))
    );
    let none = json!({"reason": "Sorry", "workId": Uuid::now_v7()});
    assert_eq!(admin.post_json(path, &none).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_finds_a_trace_asks_once_and_gives_back_without_a_script() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "10")]).await;
    let (admin, user) = (app.admin().await, app.user().await);
    user.chat_as("r", "Hello").await;
    let found = admin.trace(&app, "r").await;
    let work = found["work"][0]["workId"].as_str().unwrap();
    let away = admin.get("/admin/traces?q=%20r%20").send().await.unwrap();
    assert_eq!((away.status().as_u16(), away.headers()["location"].to_str().unwrap()), (303, "/admin/traces/r"));
    for unknown in ["/admin/traces?q=a%2Fb%3Cscript%3E", "/admin/traces/none"] {
        let (status, html) = admin.page(unknown).await;
        assert!(status == 404 && html.contains("Nothing is known") && !html.contains("<script"), "{html}");
    }
    let (status, html) = admin.page("/admin/traces/r").await;
    assert_eq!(status, 200);
    for part in
        [&user.email, "Held 1, charged 1, released 0, open 0.", "Nothing left open", "fake-model", "POST /api/chat"]
    {
        assert!(html.contains(part), "{part} in {html}");
    }
    let (status, html) = admin.page(&format!("/admin/traces/r?work={work}&reason=")).await;
    assert!(status == 400 && html.contains("role=\"alert\""), "{html}");
    let (_, html) = admin.page(&format!("/admin/traces/r?work={work}&reason=Sorry")).await;
    assert!(html.contains("Reason: Sorry") && html.contains("method=\"post\""), "{html}");
    assert_eq!(user.credits().await["available"], 9, "it only asks");
    let press = || admin.post_form("/admin/traces/r", &[("work", work), ("reason", "Sorry")]).send();
    for _ in 0..2 {
        assert_eq!(press().await.unwrap().headers()["location"], "/admin/traces/r?said=done");
    }
    assert_eq!(user.credits().await["available"], 10);
    let (_, html) = admin.page("/admin/traces/r?said=done").await;
    assert!(html.contains("Given back as goodwill: 1 credit."), "{html}");
    assert!(!html.contains("name=\"reason\""), "there is nothing more to give");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_gives_bought_credits_back_for_their_buyer_once() {
    let (app, seller) = TestApp::start_selling(&[]).await;
    let (admin, user) = (app.admin().await, app.user().await);
    let (_, bought) = user.post_json("/api/credits/purchase", &json!({"pack": "500"})).await;
    let text = |name: &str| bought["data"][name].as_str().unwrap().to_owned();
    seller.approve(&text("orderId"));
    user.post_json("/api/credits/capture", &json!({"orderId": text("orderId")})).await;
    let path = format!("/api/admin/payments/{}/refund", text("paymentId"));
    let (status, offer) = admin.get_json(&path).await;
    assert_eq!((status, &offer["data"]["credits"]), (200, &json!(500)), "{offer}");
    assert_eq!(offer["data"]["money"], json!({"amount": "20.00", "currency": "USD"}));
    assert_eq!(user.get_json(&path).await.0, 403);
    let id = user.id().await;
    let page = format!("/admin/users/{id}?do=refund&payment={}", text("paymentId"));
    let (_, html) = admin.page(&page).await;
    assert!(html.contains("Refund 20.00 USD"), "{html}");
    assert_eq!(user.credits().await["available"], 510, "it only asks");
    let form = [("do", "refund"), ("payment", &*text("paymentId"))];
    let (one, two) =
        tokio::join!(admin.post_form(&format!("/admin/users/{id}"), &form).send(), answer(admin.post(&path)));
    let statuses = [one.unwrap().status().as_u16(), two.0];
    assert!(statuses.iter().any(|status| matches!(status, 200 | 303)), "{statuses:?}");
    assert_eq!(answer(admin.post(&path)).await.0, 409, "there is nothing left");
    assert_eq!((user.credits().await["available"].clone(), seller.totals()), (json!(10), (1, 2000)));
    let (_, log) = admin.get_json("/api/admin/audit?action=refund_ordered").await;
    let log = log["data"]["items"].as_array().unwrap();
    assert_eq!((log.len(), &log[0]["actor"], &log[0]["target"]), (1, &json!(admin.id().await), &json!(id)));
    app.assert_books_balance().await;
}
