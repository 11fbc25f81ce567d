//! Codes that admins make: once however often they are asked for, redeemed as often as said, and in the audit log.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::mongod::{Kind, Mongod};
use crate::support::{TestApp, User, answer};

const PATH: &str = "/api/admin/codes";

async fn make(admin: &User, key: &str, request: &Value) -> (u16, Value) {
    answer(admin.post(PATH).header("idempotency-key", key).json(request)).await
}

fn codes_of(made: &Value) -> Vec<String> {
    made["data"]["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

async fn redeem(user: &User, code: &str) -> u16 {
    user.post_json("/api/credits/redeem", &json!({ "code": code })).await.0
}

/// Entries of the audit log about codes that were made.
async fn written(admin: &User) -> Vec<Value> {
    let (_, log) = admin.get_json("/api/admin/audit?action=codes_made").await;
    log["data"]["items"].as_array().unwrap().clone()
}

async fn codes_are_made_once(vars: &[(&str, &str)]) {
    let app = TestApp::start_with(vars).await;
    let (admin, other) = (app.admin().await, app.admin().await);
    let request = json!({ "campaign": "fair", "credits": 5, "count": 3, "uses": 2 });
    // Eight times at once, as an impatient browser does.
    let mut all = JoinSet::new();
    for _ in 0..8 {
        let (admin, request) = (admin.clone(), request.clone());
        all.spawn(async move { make(&admin, "fair-1", &request).await });
    }
    let answers = all.join_all().await;
    let codes = codes_of(&answers[0].1);
    assert_eq!(codes.len(), 3);
    for (status, made) in &answers {
        assert_eq!((*status, codes_of(made)), (200, codes.clone()), "{made}");
    }
    let (_, again) = make(&admin, "fair-1", &request).await;
    assert_eq!((&again["data"]["repeated"], codes_of(&again)), (&json!(true), codes.clone()));
    let [campaign] = app.state.stores.codes.campaigns(0).await.unwrap().try_into().unwrap();
    assert_eq!((&*campaign.name, campaign.codes, campaign.open), ("fair", 3, 3));
    // Another key, and the same key of somebody else, are other codes; another request with this key is none.
    for (admin, key) in [(&admin, "fair-2"), (&other, "fair-1")] {
        let (_, made) = make(admin, key, &request).await;
        assert_eq!(made["data"]["repeated"], false);
        assert!(codes_of(&made).iter().all(|code| !codes.contains(code)));
    }
    let more = json!({ "campaign": "fair", "credits": 500, "count": 3, "uses": 2 });
    assert_eq!(make(&admin, "fair-1", &more).await.1["code"], "idempotency_mismatch");
    for count in [2, 4] {
        let other = json!({ "campaign": "fair", "credits": 5, "count": count, "uses": 2 });
        assert_eq!(make(&admin, "fair-1", &other).await.1["code"], "idempotency_mismatch", "{count}");
    }
    let log = written(&admin).await;
    assert_eq!(log.len(), 3, "{log:?}");
    let first = log.last().unwrap();
    assert_eq!(first["actor"], admin.id().await.as_str());
    let told = json!({ "campaign": "fair", "codes": 3, "credits": 5, "uses": 2, "perUser": 1 });
    assert_eq!(first["after"], told);
    assert!(!log.iter().any(|entry| codes.iter().any(|code| entry.to_string().contains(code))), "no code is in it");
    // Each twice in all, and once by one user.
    for code in &codes {
        let (ada, bob, eve) = (app.user().await, app.user().await, app.user().await);
        assert_eq!((redeem(&ada, code).await, redeem(&ada, code).await), (200, 409));
        assert_eq!((redeem(&bob, code).await, redeem(&eve, code).await), (200, 400));
        assert_eq!(ada.credits().await["available"], 15);
    }
    // What has ended is not made anew by asking again.
    app.state.stores.codes.end_campaign("fair").await.unwrap();
    assert_eq!(make(&admin, "fair-1", &request).await.0, 409);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_made_once_over_sqlite() {
    codes_are_made_once(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_made_once_over_mongodb() {
    let mongod = Mongod::start(Kind::Standalone).await;
    codes_are_made_once(&[("MONGODB_URI", &mongod.uri())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_make_codes_and_each_wrong_field_is_named_in_both_languages() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let right = json!({ "campaign": "fair", "credits": 5 });
    assert_eq!(user.post_json(PATH, &right).await.0, 403);
    assert_eq!(app.visitor().post_json(PATH, &right).await.0, 401);
    for (field, value, english, chinese) in [
        ("campaign", json!("  "), "1 to 60 characters", "1 至 60 个字符"),
        ("credits", json!(0), "above 0", "大于 0"),
        ("credits", json!(-5), "above 0", "大于 0"),
        ("count", json!(1001), "from 1 to 1000", "1 至 1000"),
        ("count", json!(0), "from 1 to 1000", "1 至 1000"),
        ("code", json!("a b"), "4 to 64", "4 至 64"),
        ("days", json!(0), "1 to 3660", "1 至 3660"),
        ("plan", json!("none"), "1 to 3660", "1 至 3660"),
        ("perUser", json!(0), "at least 1", "至少为 1"),
        ("expires", json!("2020-01-01"), "is over", "已过"),
        ("expires", json!("soon"), "2026-12-31", "2026-12-31"),
        ("creditsLast", json!(0), "1 to 3660", "1 至 3660"),
    ] {
        let mut wrong = right.clone();
        wrong[field] = value.clone();
        // A plan without days is not the plan's fault.
        let named = if field == "plan" { "days" } else { field };
        for (language, text) in [("en", english), ("zh", chinese)] {
            let (status, refused) = answer(admin.post(PATH).header("accept-language", language).json(&wrong)).await;
            assert_eq!((status, refused["field"].as_str()), (400, Some(named)), "{field} {value}: {refused}");
            assert!(refused["error"].as_str().unwrap().contains(text), "{refused}");
        }
    }
    let (status, refused) = make(&admin, "two words", &right).await;
    assert_eq!((status, &refused["field"]), (400, &json!("Idempotency-Key")), "{refused}");
    assert!(app.state.stores.codes.campaigns(0).await.unwrap().is_empty());
    assert!(written(&admin).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_ones_own_is_there_once_and_days_of_a_plan_are_given() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let own = json!({ "campaign": "fair", "credits": 5, "code": "WELCOME", "uses": 0 });
    assert_eq!(admin.post_json(PATH, &own).await.1["data"]["codes"], json!(["WELCOME"]));
    // Asked for again, with whatever key, nothing has changed.
    assert_eq!(admin.post_json(PATH, &own).await.1["data"]["repeated"], true);
    assert_eq!(written(&admin).await.len(), 1);
    let richer = json!({ "campaign": "fair", "credits": 50, "code": "wel-come", "uses": 0 });
    let (status, refused) = admin.post_json(PATH, &richer).await;
    assert_eq!((status, &refused["field"]), (400, &json!("code")), "{refused}");
    assert_eq!(redeem(&user, "welcome").await, 200);
    assert_eq!(user.credits().await["available"], 15);
    // Thirty days of the first plan are as a month of it.
    let (_, days) = admin.post_json(PATH, &json!({ "campaign": "press", "days": 30 })).await;
    assert_eq!(days["data"]["credits"], 500);
    assert_eq!(redeem(&user, &codes_of(&days)[0]).await, 200);
    assert_eq!(user.get_json("/api/auth/me").await.1["data"]["role"], "SUBSCRIBER");
    app.assert_books_balance().await;
}

/// The value of a hidden field.
fn hidden<'a>(html: &'a str, name: &str) -> &'a str {
    let (_, rest) = html.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}: {html}"));
    rest.split('"').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_made_without_a_script_after_a_question_and_shown_once() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let send = async |user: &User, fields: &[(&str, &str)]| {
        let response = user.post_form("/admin/codes", fields).send().await.unwrap();
        let headers = response.headers().clone();
        (response.status().as_u16(), headers, response.text().await.unwrap())
    };
    let typed = [("campaign", "fair"), ("credits", "2.5"), ("count", "2"), ("expires", "2099-12-31"), ("perUser", "")];
    // What is wrong is named, and what was typed is kept.
    let wrong = [&typed[..], &[("do", "ask"), ("uses", "often")]].concat();
    let (status, _, html) = send(&admin, &wrong).await;
    assert!(status == 400 && html.contains("Total uses per code: Enter a whole number"), "{html}");
    assert!(html.contains("value=\"2.5\"") && html.contains("value=\"often\""), "{html}");
    assert_eq!(html.matches("aria-invalid=\"true\"").count(), 1, "at its field: {html}");
    // It asks, and has made nothing yet.
    let (status, _, html) = send(&admin, &[&typed[..], &[("do", "ask")]].concat()).await;
    assert!(status == 200 && html.contains("Make these codes?") && html.contains("2.5 credits"), "{html}");
    assert!(app.state.stores.codes.campaigns(0).await.unwrap().is_empty());
    let once = hidden(&html, "once").to_owned();
    let yes = [&typed[..], &[("do", "make"), ("once", &once)]].concat();
    assert_eq!(send(&user, &yes).await.0, 403);
    let (status, headers, html) = send(&admin, &yes).await;
    assert_eq!((status, &headers["cache-control"]), (200, &"no-store".parse().unwrap()));
    let codes: Vec<&str> = html.split("select-all\">").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(codes.len(), 2, "{html}");
    // Sent again, and as a file, they are the same.
    let (_, _, again) = send(&admin, &yes).await;
    assert!(codes.iter().all(|code| again.contains(code)), "{again}");
    let (_, headers, text) = send(&admin, &[&yes[..], &[("format", "text")]].concat()).await;
    assert!(headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    assert_eq!(text.lines().collect::<Vec<_>>(), codes);
    let [campaign] = app.state.stores.codes.campaigns(0).await.unwrap().try_into().unwrap();
    assert_eq!(campaign.codes, 2);
    assert_eq!(written(&admin).await.len(), 1);
    // Nobody is shown them later.
    let (_, html) = admin.page("/admin/codes").await;
    assert!(html.contains("fair") && codes.iter().all(|code| !html.contains(code)), "{html}");
    for code in codes {
        assert_eq!(redeem(&user, code).await, 200);
    }
    assert_eq!(user.credits().await["available"], 15);
    let chinese = admin.get("/admin/codes").header("accept-language", "zh").send().await.unwrap().text().await.unwrap();
    assert!(chinese.contains("生成兑换码"), "{chinese}");
}
