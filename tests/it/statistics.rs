//! Statistics as admins see them: pages, API and CSV.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{TestApp, User};

/// Statistics once so many attempts are counted: they are recorded a moment after the answer, and looked at once a second.
async fn stats_with(admin: &User, attempts: u64) -> Value {
    for _ in 0..400 {
        let (status, body) = admin.get_json("/api/admin/stats?range=24h").await;
        assert_eq!(status, 200, "{body}");
        let found = body["data"]["total"]["attempts"].as_u64().unwrap();
        assert!(found <= attempts, "{body}");
        if found == attempts {
            return body["data"].clone();
        }
        sleep(Duration::from_millis(25)).await;
    }
    panic!("{attempts} attempts are not counted");
}

async fn text(user: &User, path: &str) -> (u16, String, String) {
    let response = user.get(path).send().await.unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), kind, response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_on_the_overview_and_in_the_costs() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    // There is nothing yet, which is known by now.
    assert_eq!(stats_with(&admin, 0).await["total"]["chats"], 0);
    assert_eq!(user.chat("How long is a piece of string?").await.0, 200);
    assert_eq!(user.chat("And of rope?").await.0, 200);
    let stats = stats_with(&admin, 2).await;
    let total = &stats["total"];
    assert_eq!((&total["chats"], &total["newUsers"], &total["failed"]), (&json!(2), &json!(2), &json!(0)));
    assert_eq!((&total["spent"], &stats["before"]["spent"]), (&json!(2), &json!(0)));
    assert_eq!(stats["parts"].as_array().unwrap().len(), 24);
    assert_eq!(stats["now"]["users"].as_array().unwrap().len(), 2, "{}", stats["now"]);

    let (_, costs) = admin.get_json("/api/admin/costs?range=7d&zone=Asia/Kathmandu").await;
    let costs = &costs["data"];
    assert_eq!(costs["about"]["zone"], "Asia/Kathmandu");
    assert_eq!((&costs["users"][0]["email"], &costs["users"][0]["attempts"]), (&json!(user.email), &json!(2)));
    let provider = costs["providers"][0]["provider"].as_str().unwrap();
    assert_eq!(costs["models"][0]["charged"], 2);

    let (_, list) = admin.get_json("/api/admin/attempts?limit=1").await;
    let cursor = list["data"]["nextCursor"].as_str().unwrap();
    assert_eq!(list["data"]["items"][0]["provider"], provider);
    let (_, rest) = admin.get_json(&format!("/api/admin/attempts?limit=1&cursor={cursor}")).await;
    assert_eq!((rest["data"]["items"].as_array().unwrap().len(), &rest["data"]["nextCursor"]), (1, &Value::Null));
    let (_, failed) = admin.get_json("/api/admin/attempts?outcome=failed").await;
    assert_eq!(failed["data"]["items"], json!([]));

    for (path, expected) in [("/admin", "Replies"), ("/admin/costs", provider), ("/admin/costs/attempts", provider)] {
        let (status, html) = admin.page(path).await;
        assert!(status == 200 && html.contains(expected), "{path}: {html}");
        assert!(!html.contains("style="), "{path}");
    }
    let (_, page) = admin.page("/admin/costs").await;
    assert!(page.contains(&user.email) && page.contains("<svg"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_with_an_api_key_is_found_by_it() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    let program = user.with_key(&json!({})).await;
    assert_eq!(program.chat("How long is a piece of string?").await.0, 200);
    assert_eq!(user.chat("And of rope?").await.0, 200);
    stats_with(&admin, 2).await;
    let (_, costs) = admin.get_json("/api/admin/costs?range=24h").await;
    let keys = costs["data"]["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1, "{costs}");
    assert_eq!(
        (&keys[0]["email"], &keys[0]["attempts"], &keys[0]["charged"]),
        (&json!(user.email), &json!(1), &json!(1))
    );
    let id = keys[0]["id"].as_str().unwrap();
    let (_, own) = user.get_json("/api/account/keys").await;
    assert_eq!(own["data"]["items"][0]["id"], id, "{own}");

    let (_, list) = admin.get_json(&format!("/api/admin/attempts?key={id}")).await;
    let items = list["data"]["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["key"]), (1, &json!(id)));
    let (_, all) = admin.get_json("/api/admin/attempts").await;
    assert_eq!(all["data"]["items"][0]["key"], Value::Null, "the newest was asked in a session");
    assert_eq!(admin.get_json("/api/admin/attempts?key=mine").await.0, 400);

    let (_, _, csv) = text(&admin, "/api/admin/costs?range=24h&format=csv&table=keys").await;
    let lines: Vec<_> = csv.lines().map(|line| line.split(',').collect::<Vec<_>>()).collect();
    assert_eq!((lines.len(), lines[0].len()), (2, lines[1].len()), "{csv}");
    assert_eq!(lines[1][..3], [id, keys[0]["user"].as_str().unwrap(), &*user.email]);
    let (_, page) = admin.page("/admin/costs").await;
    assert!(page.contains(&format!("key={id}")), "{page}");
    let (status, page) = admin.page(&format!("/admin/costs/attempts?key={id}")).await;
    assert!(status == 200 && page.contains(id), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_names_its_zone_and_has_what_the_page_has() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    assert_eq!(admin.chat("How long is a piece of string?").await.0, 200);
    stats_with(&admin, 1).await;
    let (status, kind, csv) = text(&admin, "/api/admin/stats?range=7d&zone=Australia/Lord_Howe&format=csv").await;
    assert_eq!((status, &*kind), (200, "text/csv; charset=utf-8"));
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 8);
    let width = lines[0].split(',').count();
    for line in &lines[1..] {
        assert_eq!((line.split(',').count(), line.split(',').nth(1)), (width, Some("Australia/Lord_Howe")), "{line}");
    }
    for (table, rows) in [("parts", 25), ("providers", 2), ("models", 2), ("users", 2)] {
        let (_, _, csv) = text(&admin, &format!("/api/admin/costs?range=24h&format=csv&table={table}")).await;
        assert_eq!(csv.lines().count(), rows, "{table}: {csv}");
        let width = csv.lines().next().unwrap().split(',').count();
        assert!(csv.lines().all(|line| line.split(',').count() == width), "{csv}");
        assert!(csv.lines().next().unwrap().contains("zone,from,until"), "{table}: {csv}");
    }
    let (_, _, users) = text(&admin, "/api/admin/costs?range=7d&zone=Asia/Kathmandu&format=csv&table=users").await;
    assert!(users.lines().nth(1).unwrap().contains(",Asia/Kathmandu,2"), "{users}");
    let (_, _, attempts) = text(&admin, "/api/admin/attempts?format=csv").await;
    assert_eq!(attempts.lines().count(), 2, "{attempts}");
}

/// The cookie that keeps a range.
fn kept_range(response: &reqwest::Response) -> Option<String> {
    let cookies = response.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
    cookies
        .filter_map(|cookie| cookie.split(';').next())
        .find(|cookie| cookie.starts_with("statistics="))
        .map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_kept_between_visits_and_what_is_none_is_said() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let response = admin.get("/admin?range=7d&zone=Asia%2FKathmandu").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers()["content-security-policy"].to_str().unwrap().ends_with("script-src 'self'"));
    let kept = kept_range(&response).unwrap();
    let html = response.text().await.unwrap();
    // Whatever its name is, the script is there.
    let script =
        html.split("src=\"").find_map(|rest| rest.split('"').next().filter(|src| src.starts_with("/admin/scripts/")));
    let (status, kind, _) = text(&app.visitor(), script.unwrap()).await;
    assert_eq!((status, &*kind), (200, "text/javascript; charset=utf-8"));
    let again = admin.get("/admin/costs").header("cookie", kept).send().await.unwrap();
    assert_eq!(kept_range(&again), None, "it is kept already");
    assert!(again.text().await.unwrap().contains("Asia/Kathmandu"));
    for query in ["range=1y", "range=custom&from=2026-02-02&until=2026-02-01", "range=custom", "range=7d&zone=Mars"] {
        let (status, html) = admin.page(&format!("/admin?{query}")).await;
        assert!(status == 400 && html.contains("name=\"range\""), "{query}: {html}");
        assert_eq!(admin.get_json(&format!("/api/admin/costs?{query}")).await.1["code"], "invalid_input", "{query}");
    }
    for path in ["attempts?outcome=good", "attempts?cursor=x", "stats?format=xml", "costs?format=csv&table=x"] {
        assert_eq!(admin.get_json(&format!("/api/admin/{path}")).await.0, 400, "{path}");
    }
}
