//! Codes that are redeemed for credits: raced, guessed, used up, and where the server dies in the middle.

use std::sync::Arc;

use serde_json::json;
use tessera::account::server::plans::standing;
use tessera::credits::server::codes::{NewCode, PlanDays, RedeemOutcome, hash_code, new_code};
use tessera::platform::amount::Amount;
use tessera::platform::db::now_millis;
use tessera::platform::ids::UserId;
use tessera::platform::time::DAY;
use tokio::task::JoinSet;

use crate::mongod::{Kind, Mongod};
use crate::support::{TestApp, User};
use crate::token_prices::user_id;

/// The one of the documentation, for whoever wants it.
pub async fn add_example(app: &TestApp) {
    add(app, NewCode { per_user: 100, most_uses: None, ..worth("K7QM-2XWD-9FHB-TR4C", 1) }).await;
}

fn worth(code: &str, credits: i64) -> NewCode {
    NewCode {
        hash: hash_code(code).unwrap(),
        campaign: "spring".into(),
        credits: Amount::credits(credits),
        most_uses: Some(10),
        per_user: 1,
        expires_at: Some(now_millis() + DAY),
        credits_last: Some(30 * DAY),
        plan: None,
        created_at: now_millis(),
    }
}

async fn add(app: &TestApp, code: NewCode) {
    assert_eq!(app.state.stores.codes.add_codes(vec![code]).await.unwrap(), 1);
}

/// How often what was asked at once came out so.
async fn race(app: &TestApp, code: &str, users: Vec<UserId>) -> [usize; 4] {
    let (codes, hash) = (app.state.stores.codes.clone(), hash_code(code).unwrap());
    let mut all = JoinSet::new();
    for user in users {
        let codes = codes.clone();
        all.spawn(async move { codes.use_code(hash, user, now_millis()).await.unwrap() });
    }
    let mut counts = [0; 4];
    for outcome in all.join_all().await {
        let at = match outcome {
            RedeemOutcome::Used(_) => 0,
            RedeemOutcome::Repeated => 1,
            RedeemOutcome::UsedUp => 2,
            RedeemOutcome::Unknown | RedeemOutcome::Expired => 3,
        };
        counts[at] += 1;
    }
    counts
}

async fn codes_hold(vars: &[(&str, &str)]) {
    let app = TestApp::start_with(vars).await;
    let stores = &app.state.stores;
    // One user, a hundred times at once; a hundred users, ten places; three uses each.
    let [one, ten, thrice] = [new_code(), new_code(), new_code()];
    add(&app, worth(&one, 5)).await;
    add(&app, worth(&ten, 5)).await;
    add(&app, NewCode { per_user: 3, most_uses: None, ..worth(&thrice, 1) }).await;
    let user = UserId::now_v7();
    assert_eq!(race(&app, &one, vec![user; 100]).await, [1, 99, 0, 0]);
    assert_eq!(race(&app, &ten, (0..100).map(|_| UserId::now_v7()).collect()).await, [10, 0, 90, 0]);
    assert_eq!(race(&app, &thrice, [vec![user; 20], vec![UserId::now_v7(); 20]].concat()).await, [6, 34, 0, 0]);
    // There is one campaign, and what was used of it.
    let [campaign] = stores.codes.campaigns(now_millis()).await.unwrap().try_into().unwrap();
    assert_eq!((campaign.codes, campaign.open, campaign.uses, campaign.credits), (3, 3, 17, Amount::credits(61)));
    assert_eq!(stores.codes.campaigns(now_millis() + 2 * DAY).await.unwrap()[0].open, 0);
    // Nobody posted their credits: the server died. They come once, however often that is looked at.
    assert_eq!(stores.codes.unfinished_uses(now_millis() + 1, 100).await.unwrap().len(), 17);
    let credits = Arc::new(app.state.credits.clone());
    let looks: Vec<_> = (0..8).map(|_| credits.clone()).collect();
    let mut all = JoinSet::new();
    for credits in looks {
        all.spawn(async move { credits.finish_redemptions(now_millis() + 1).await });
    }
    for done in all.join_all().await {
        done.unwrap();
    }
    assert!(stores.codes.unfinished_uses(now_millis() + 1, 100).await.unwrap().is_empty());
    let balance = stores.credits.balance(user.into(), "test").await.unwrap();
    assert_eq!(balance.available, Amount::credits(10 + 5 + 3));
    app.assert_books_balance().await;
    // An end is an end.
    assert_eq!(stores.codes.end_campaign("spring").await.unwrap(), 3);
    assert_eq!(race(&app, &ten, vec![UserId::now_v7()]).await, [0, 0, 0, 1]);
}

/// Days of a plan: its role, its pace, and credits that end with it.
async fn days_of_a_plan(vars: &[(&str, &str)]) {
    let app = TestApp::start_with(vars).await;
    let user = app.user().await;
    let plan = PlanDays { name: "Plus".into(), per_minute: 2000, days: 10 };
    let [first, second, lost] = [new_code(), new_code(), new_code()];
    for code in [&first, &second, &lost] {
        add(&app, NewCode { plan: Some(plan.clone()), credits_last: None, ..worth(code, 50) }).await;
    }
    let (status, one) = redeem(&user, &first).await;
    assert_eq!((status, &one["data"]["plan"], &one["data"]["available"]), (200, &json!("Plus"), &json!(60)), "{one}");
    let (_, two) = redeem(&user, &second).await;
    let at = |answer: &serde_json::Value| {
        let end = answer["data"]["creditsExpireAt"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        end.as_millisecond()
    };
    // One after the other.
    assert!((at(&two) - at(&one) - 10 * DAY).abs() < 1000, "{one} {two}");
    assert!((at(&one) - now_millis() - 10 * DAY).abs() < 60_000);
    // The server died before it gave anything.
    let id = user_id(&user).await;
    app.state.stores.codes.use_code(hash_code(&lost).unwrap(), id, now_millis()).await.unwrap();
    for _ in 0..2 {
        app.state.credits.finish_redemptions(now_millis() + 1).await.unwrap();
    }
    let (_, told) = user.get_json("/api/credits").await;
    let (told, plan) = (&told["data"], &told["data"]["subscription"]);
    assert_eq!((&told["available"], &told["plan"]), (&json!(160), &json!("Plus")));
    assert_eq!((&plan["status"], &plan["renews"]), (&json!("prepaid"), &json!(false)));
    let origins: Vec<_> = told["lots"].as_array().unwrap().iter().map(|lot| lot["origin"].clone()).collect();
    assert_eq!(origins, ["plan", "plan", "plan", "promo"]);
    assert_eq!(user.get_json("/api/auth/me").await.1["data"]["role"], "SUBSCRIBER");
    let sent = user.post("/api/chat").json(&json!({ "message": "Hello" })).send().await.unwrap();
    assert_eq!(sent.headers()["ratelimit-limit"], "2000");
    // When it is over, they are what they were.
    let periods = app.state.stores.plans.periods(id).await.unwrap();
    assert!(standing(periods.clone(), now_millis() + 29 * DAY).is_some());
    assert_eq!(standing(periods, now_millis() + 31 * DAY), None);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_of_a_plan_are_given_over_sqlite() {
    days_of_a_plan(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_of_a_plan_are_given_over_mongodb() {
    let mongod = Mongod::start(Kind::Standalone).await;
    days_of_a_plan(&[("MONGODB_URI", &mongod.uri())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_hold_over_sqlite() {
    codes_hold(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_hold_over_mongodb() {
    for kind in [Kind::Standalone, Kind::ReplicaSet] {
        let mongod = Mongod::start(kind).await;
        codes_hold(&[("MONGODB_URI", &mongod.uri())]).await;
    }
}

async fn redeem(user: &User, code: &str) -> (u16, serde_json::Value) {
    user.post_json("/api/credits/redeem", &json!({ "code": code })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_gives_its_credits_and_says_until_when() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let code = new_code();
    add(&app, worth(&code, 50)).await;
    let (status, page) = redeem(&user, &format!("  {}  ", code.to_lowercase().replace('-', " "))).await;
    let given = &page["data"];
    assert_eq!(
        (status, &given["credits"], &given["available"], &given["campaign"]),
        (200, &json!(50), &json!(60), &json!("spring"))
    );
    let lots = user.get_json("/api/credits").await.1["data"]["lots"].clone();
    assert_eq!((&lots[0]["origin"], &lots[0]["left"]), (&json!("promo"), &json!(50)));
    assert_eq!(lots[0]["expiresAt"], given["creditsExpireAt"]);
    assert!(given["codeExpiresAt"].as_str().unwrap() < given["creditsExpireAt"].as_str().unwrap());
    assert_eq!(redeem(&user, &code).await.0, 409);
    let ledger = user.get_json("/api/credits/ledger").await.1;
    assert_eq!(ledger["data"]["items"][0]["reason"], "spring");
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_code_is_told_and_guessing_ends() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let [late, up] = [new_code(), new_code()];
    add(&app, NewCode { expires_at: Some(now_millis() - 1), ..worth(&late, 1) }).await;
    add(&app, NewCode { most_uses: Some(1), ..worth(&up, 1) }).await;
    assert_eq!(race(&app, &up, vec![user_id(&app.user().await).await]).await, [1, 0, 0, 0]);
    for (code, problem) in [
        (new_code(), "not valid"),
        (late, "expired"),
        (up, "used up"),
        (String::new(), "not valid"),
        ("a;b".into(), "not valid"),
    ] {
        let (status, page) = redeem(&user, &code).await;
        assert_eq!((status, &page["code"], &page["field"]), (400, &json!("invalid_input"), &json!("code")), "{page}");
        assert!(page["error"].as_str().unwrap().contains(problem), "{page}");
    }
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(redeem(&user, &new_code()).await.0);
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    assert_eq!(user.credits().await["available"], 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_redeemed_without_a_script() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let code = new_code();
    add(&app, worth(&code, 50)).await;
    let send = async |code: &str| {
        let response = user.post_form("/dashboard", &[("code", code)]).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, page) = send("WRONG-CODE").await;
    assert!(
        status == 400 && page.contains("This code is not valid") && page.contains("value=\"WRONG-CODE\""),
        "{page}"
    );
    let (status, page) = send(&code).await;
    assert!(status == 200 && page.contains("50 credits added"), "{page}");
    let (status, page) = send(&code).await;
    assert!(status == 409 && page.contains("already redeemed"), "{page}");
    assert_eq!(user.credits().await["available"], 60);
}
