//! Views of lists that admins keep, and the prices that they see.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tessera::admin::server::views::{SavedView, ViewedList};
use tessera::credits::server::prices::history::{PriceKey, PriceTerms};
use tessera::platform::amount::Amount;
use tessera::platform::ids::UserId;
use tokio::time::{Duration, sleep};

use crate::codes::add_example;
use crate::contracts::over_every_store;
use crate::leaving::{archive_of, unpacked};
use crate::support::{TestApp, User};

fn view(name: &str, address: &str) -> SavedView {
    SavedView { name: name.to_owned(), address: address.to_owned() }
}

fn price(model: &str, version: &str, credits: i64) -> (PriceKey, PriceTerms) {
    let key = PriceKey { provider: "openai".into(), model: model.into(), is_image: false, version: version.into() };
    (key, PriceTerms::Reply { each: Amount::credits(credits) })
}

over_every_store! {
    async fn views_are_kept_by_name_up_to_a_number_and_each_admins_own(stores) {
        let (ada, bob, views) = (UserId::now_v7(), UserId::now_v7(), stores.views);
        assert!(views.list(ada, ViewedList::Users).await.unwrap().is_empty());
        let (one, two) = (view("B", "/admin/users?q=b"), view("A", "/admin/users?role=ADMIN"));
        assert!(views.save(ada, ViewedList::Users, one.clone(), 2).await.unwrap());
        assert!(views.save(ada, ViewedList::Users, two.clone(), 2).await.unwrap());
        assert!(!views.save(ada, ViewedList::Users, view("C", "/"), 2).await.unwrap(), "there is no more room");
        let changed = view("B", "/admin/users?q=c");
        assert!(views.save(ada, ViewedList::Users, changed.clone(), 2).await.unwrap(), "one of a name takes its place");
        assert_eq!(views.list(ada, ViewedList::Users).await.unwrap(), [two.clone(), changed]);
        assert!(views.save(ada, ViewedList::Attempts, view("B", "/x"), 2).await.unwrap(), "another list has room");
        assert!(views.save(bob, ViewedList::Users, one.clone(), 2).await.unwrap());
        views.remove(ada, ViewedList::Users, "B").await.unwrap();
        views.remove(ada, ViewedList::Users, "none").await.unwrap();
        assert_eq!(views.list(ada, ViewedList::Users).await.unwrap(), [two]);
        views.forget_user(ada).await.unwrap();
        for list in ViewedList::ALL {
            assert!(views.list(ada, list).await.unwrap().is_empty());
        }
        assert_eq!(views.list(bob, ViewedList::Users).await.unwrap(), [one]);
    }

    async fn a_view_that_is_sent_many_times_at_once_is_there_once(stores) {
        let (ada, views) = (UserId::now_v7(), stores.views);
        let sends = (0..8).map(|n| {
            let views = views.clone();
            tokio::spawn(async move { views.save(ada, ViewedList::Users, view(&format!("V{}", n % 4), "/a"), 3).await })
        });
        let mut kept = 0;
        for send in sends.collect::<Vec<_>>() {
            kept += usize::from(send.await.unwrap().unwrap());
        }
        let names = views.list(ada, ViewedList::Users).await.unwrap();
        assert!(names.len() == 3 && (3..=6).contains(&kept), "{names:?}, {kept} of them kept");
    }

    async fn prices_are_noted_with_when_they_were_seen_first_and_last(stores) {
        let prices = stores.prices;
        let (old, new) = (price("m", "1", 1), price("m", "2", 2));
        let mut image = price("m", "1", 1);
        image.0.is_image = true;
        image.1 = PriceTerms::Image { each: Amount::credits(2), sizes: BTreeMap::from([("16:9".into(), Amount::credits(3))]) };
        prices.note(vec![old.clone(), image.clone()], 1000).await.unwrap();
        prices.note(vec![old.clone()], 2000).await.unwrap();
        // Another server comes late.
        prices.note(vec![old.clone()], 500).await.unwrap();
        prices.note(vec![new.clone()], 3000).await.unwrap();
        let seen = prices.list(10).await.unwrap();
        let told: Vec<_> = seen.iter().map(|seen| (seen.key.clone(), seen.terms.clone(), seen.first_seen, seen.last_seen)).collect();
        assert_eq!(told, [
            (new.0, new.1, 3000, 3000),
            (image.0, image.1, 1000, 1000),
            (old.0, old.1, 500, 2000),
        ]);
        assert_eq!(prices.list(1).await.unwrap(), seen[..1]);
    }
}

async fn save(admin: &User, fields: &[(&str, &str)]) -> (u16, String) {
    let response = admin.post_form("/admin/views", &[&[("do", "save")], fields].concat()).send().await.unwrap();
    let place = response.headers().get("location").map(|place| place.to_str().unwrap().to_owned());
    (response.status().as_u16(), place.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_kept_and_removed_by_forms_and_is_nobody_elses() {
    let app = TestApp::start().await;
    let (admin, other) = (app.admin().await, app.admin().await);
    let named = [("list", "users"), ("name", "New <admins>"), ("role", "ADMIN"), ("sort", "oldest")];
    assert_eq!(save(&admin, &named).await, (303, "/admin/users?role=ADMIN&sort=oldest".to_owned()));
    let (_, html) = admin.page("/admin/users?role=ADMIN&sort=oldest").await;
    assert!(html.contains("New &lt;admins&gt;") && !html.contains("New <admins>"), "{html}");
    assert!(
        html.contains("href=\"/admin/users?role=ADMIN&amp;sort=oldest\"") && html.contains("aria-current=\"true\""),
        "{html}"
    );
    let (_, html) = other.page("/admin/users").await;
    assert!(!html.contains("New &lt;admins&gt;"), "{html}");
    let failed = [("list", "attempts"), ("name", "Failed"), ("outcome", "failed"), ("provider", "openai")];
    let failed_at = "/admin/costs/attempts?provider=openai&outcome=failed".to_owned();
    assert_eq!(save(&admin, &failed).await, (303, failed_at));
    let (_, html) = admin.page("/admin/costs/attempts").await;
    assert!(html.contains("font-semibold\">Failed<"), "{html}");

    for wrong in [
        [("list", "users"), ("name", " "), ("q", "")],
        [("list", "users"), ("name", &"x".repeat(41)), ("q", "")],
        [("list", "users"), ("name", "long"), ("q", &"x".repeat(2000))],
    ] {
        assert_eq!(save(&admin, &wrong).await.0, 400, "{wrong:?}");
    }
    assert_eq!(save(&admin, &[("list", "flags"), ("name", "x")]).await.0, 404);
    for n in 1..20 {
        assert_eq!(save(&admin, &[("list", "users"), ("name", &n.to_string())]).await.0, 303);
    }
    assert_eq!(save(&admin, &[("list", "users"), ("name", "one more")]).await.0, 409);
    let files = unpacked(archive_of(&admin).await);
    let kept =
        &files.iter().find(|(name, _)| name == "admin/views-of-attempts.json").expect("the views are taken along").1;
    let kept: Value = serde_json::from_slice(kept).unwrap();
    assert_eq!(kept, json!([{ "name": "Failed", "address": "/admin/costs/attempts?provider=openai&outcome=failed" }]));
    let gone = [("do", "remove"), ("list", "users"), ("name", "New <admins>")];
    let response = admin.post_form("/admin/views", &gone).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["location"].to_str().unwrap()), (303, "/admin/users"));
    assert!(!admin.page("/admin/users").await.1.contains("New &lt;admins&gt;"));
    assert_eq!(save(&admin, &[("list", "users"), ("name", "one more")]).await.0, 303);
}

/// The prices once one of them has been seen this often.
async fn prices(admin: &User, ready: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..400 {
        let (status, body) = admin.get_json("/api/admin/prices").await;
        assert_eq!(status, 200, "{body}");
        let found = body["data"]["prices"].as_array().unwrap();
        if ready(found) {
            return found.clone();
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the prices are not as they should be");
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_are_listed_with_those_of_before_and_their_versions_are_those_of_the_ledger() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("prices.toml");
    std::fs::write(&path, "version = \"spring\"\n[chat]\nflat = 1\n").unwrap();
    let app =
        TestApp::start_with(&[("PRICES_FILE", path.to_str().unwrap()), ("MODEL_PRICES", "fake-model=1.5/2")]).await;
    let admin = app.admin().await;
    app.state.credits.price_history.note(tessera::platform::db::now_millis()).await.unwrap();
    let of_reply =
        |all: &[Value]| all.iter().find(|price| price["model"] == "fake-model" && price["inForce"] == true).cloned();
    let first = of_reply(&prices(&admin, |_| true).await).unwrap();
    assert_eq!((&first["price"], &first["provider"]), (&json!({"by": "reply", "each": 1}), &json!("openai")));
    assert_eq!(first["providerTakes"], json!({"inputMicros": 1_500_000, "outputMicros": 2_000_000}));
    assert!(first["firstSeen"].is_string() && first["version"].as_str().unwrap().starts_with("spring+"), "{first}");
    assert_eq!(admin.chat("Hello").await.0, 200);
    let (_, ledger) = admin.get_json("/api/credits/ledger").await;
    assert_eq!(ledger["data"]["items"][0]["priceVersion"], first["version"]);

    std::fs::write(
        &path,
        "version = \"autumn\"\n[[model]]\nname = \"fake*\"\ninput = 2.5\noutput = 10\ncached_input = 0.5\n",
    )
    .unwrap();
    // The server may have seen it by itself.
    _ = app.state.credits.prices.reload();
    app.state.credits.price_history.note(tessera::platform::db::now_millis()).await.unwrap();
    let all = prices(&admin, |all| of_reply(all).is_some_and(|price| price["version"] != first["version"])).await;
    let second = of_reply(&all).unwrap();
    assert_eq!(
        second["price"],
        json!({"by": "tokens", "input": 2.5, "cachedInput": 0.5, "output": 10, "reasoning": 10, "call": 0, "tiers": []})
    );
    let before: Vec<_> =
        all.iter().filter(|price| price["inForce"] == false && price["model"] == "fake-model").collect();
    assert_eq!((before.len(), &before[0]["version"], &before[0]["price"]), (1, &first["version"], &first["price"]));
    assert!(all[0]["inForce"] == true && all.last().unwrap()["inForce"] == false, "{all:?}");

    let (status, html) = admin.page("/admin/prices").await;
    assert!(status == 200 && html.contains("2.5 in, 10 out per million tokens, 0.5 cached"), "{html}");
    assert!(html.contains("1 a reply") && html.contains("called autumn") && html.contains("$1.50 / $2.00"), "{html}");
    let chinese =
        admin.get("/admin/prices").header("accept-language", "zh").send().await.unwrap().text().await.unwrap();
    assert!(chinese.contains("每百万词元输入 2.5"), "{chinese}");
}

/// The addresses that the bars of a chart lead to.
fn bars_of<'a>(html: &'a str, id: &str) -> Vec<&'a str> {
    let begin = format!("id=\"{id}-");
    let links = html.split("<a ").filter(|link| {
        link.strip_prefix(&begin).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    });
    links.filter_map(|link| link.split("href=\"").nth(1)?.split('"').next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_chart_leads_to_the_rows_that_make_it() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    assert_eq!(user.chat("How long is a piece of string?").await.0, 200);
    let (status, overview) = admin.page("/admin?range=24h").await;
    assert_eq!(status, 200);
    for (id, expected, not) in [
        ("new-users", user.email.as_str(), "NEVER"),
        ("chats", user.email.as_str(), "Welcome credits"),
        ("granted", "Welcome credits", "NEVER"),
        ("spent", user.email.as_str(), "Welcome credits"),
    ] {
        let bars = bars_of(&overview, id);
        assert_eq!(bars.len(), 24, "{id}");
        let (status, rows) = admin.page(&bars[23].replace("&amp;", "&")).await;
        assert!(status == 200 && rows.contains(expected) && !rows.contains(not), "{id}, {}: {rows}", bars[23]);
        // Which time it is of is said, and the hour before has none.
        assert!(rows.contains("Only from 20") && rows.contains("UTC"), "{id}: {rows}");
        let (status, rows) = admin.page(&bars[0].replace("&amp;", "&")).await;
        assert!(status == 200 && rows.contains("Nothing found"), "{id}: {rows}");
    }
    assert!(bars_of(&overview, "cached").is_empty(), "what no list has leads nowhere");
    let (_, rows) = admin.page("/admin/ledger?kind=settle").await;
    assert!(rows.contains(&user.email) && rows.contains("/admin/traces/"), "{rows}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_on_a_page_is_said_in_its_language_with_the_name_of_the_field() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (path, english, chinese) in [
        ("/admin?range=custom", "From day: Enter a day", "起始日期：请输入日期"),
        ("/admin?range=7d&zone=Mars", "Time zone: Enter a time zone", "时区：请输入时区"),
        (
            "/admin/costs?range=custom&from=2026-02-02&until=2026-02-01",
            "To day: The end is before",
            "截止日期：结束早于开始",
        ),
        (
            "/admin/costs/attempts?from=2026-02-02&until=2026-02-01",
            "To day: The end is before",
            "截止日期：结束早于开始",
        ),
        ("/admin/costs/attempts?key=mine", "API key (id): Enter", "请输入 API 密钥的完整 ID"),
        ("/admin/audit?from=2026-02-02&until=2026-01-01", "To day: The end is before", "截止日期：结束早于开始"),
        ("/admin/users?from=soon", "From day: Enter a day", "起始日期：请输入日期"),
        ("/admin/ledger?until=soon", "To day: Enter a day", "截止日期：请输入日期"),
    ] {
        for (language, expected) in [("en", english), ("zh-CN", chinese)] {
            let response = admin.get(path).header("accept-language", language).send().await.unwrap();
            assert_eq!(response.status(), 400, "{path}");
            let html = response.text().await.unwrap();
            assert!(html.contains(expected), "{path}: {html}");
        }
    }
    assert_eq!(admin.page("/admin/ledger?kind=theft").await.0, 400);
    assert_eq!(admin.page("/admin/ledger?cursor=x").await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_ended_once_after_a_question_and_that_is_written_down() {
    let app = TestApp::start().await;
    let (admin, user) = (app.admin().await, app.user().await);
    add_example(&app).await;
    let code = json!({ "code": "K7QM-2XWD-9FHB-TR4C" });
    assert_eq!(user.post_json("/api/credits/redeem", &code).await.0, 200);
    let (_, html) = admin.page("/admin/codes").await;
    assert!(html.contains("spring") && html.contains("/admin/codes?end=spring"), "{html}");
    // It asks, and has done nothing yet.
    let (_, html) = admin.page("/admin/codes?end=spring").await;
    assert!(html.contains("End the codes of") && html.contains("name=\"end\""), "{html}");
    assert_eq!(user.post_json("/api/credits/redeem", &code).await.0, 200);
    for _ in 0..2 {
        let response = admin.post_form("/admin/codes", &[("end", "spring")]).send().await.unwrap();
        assert_eq!(response.status(), 303);
    }
    assert_eq!(user.post_json("/api/credits/redeem", &code).await.0, 400);
    let (_, html) = admin.page("/admin/codes").await;
    assert!(html.contains("spring") && !html.contains("/admin/codes?end=spring"), "{html}");
    let (_, log) = admin.get_json("/api/admin/audit?action=codes_ended").await;
    let items = log["data"]["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{log}");
    assert_eq!(items[0]["after"], json!({ "campaign": "spring", "open": 0 }));
    let response = admin.post_form("/admin/codes", &[("end", "summer")]).send().await.unwrap();
    assert_eq!(response.status(), 404);
    let response = user.post_form("/admin/codes", &[("end", "spring")]).send().await.unwrap();
    assert_eq!(response.status(), 403);
}
