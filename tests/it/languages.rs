//! The language of a request: chosen by the browser, then by the user.

use reqwest::header::{ACCEPT_LANGUAGE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};

use crate::support::TestApp;

#[tokio::test]
async fn pages_speak_what_the_browser_would_rather_have_until_somebody_chooses() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let page = async |language: &'static str| {
        user.get("/chat").header(ACCEPT_LANGUAGE, language).send().await.unwrap().text().await.unwrap()
    };
    let chinese = page("zh-CN,zh;q=0.9,en;q=0.8").await;
    assert!(chinese.contains(r#"<html lang="zh-Hans""#) && chinese.contains("新对话"));
    let english = page("fr;q=0.9,en;q=0.8").await;
    assert!(english.contains(r#"<html lang="en""#) && english.contains("New chat") && !english.contains("新对话"));
    // The texts of the app are in the document, in the order that the browser knows.
    assert!(english.contains("\nClose\nCancel\nSave\n") && chinese.contains("\n关闭\n取消\n保存\n"));

    let form = [("language", "en"), ("next", "/dashboard?cursor=1")];
    let response = app.visitor().post_form("/language", &form).send().await.unwrap();
    assert_eq!(response.headers()[LOCATION], "/dashboard?cursor=1");
    assert!(response.headers()[SET_COOKIE].to_str().unwrap().starts_with("language=en"));
    let visitor = app.visitor();
    for path in ["/", "/sign-in", "/nowhere"] {
        let chosen = visitor.get(path).header("cookie", "language=zh-Hans").header(ACCEPT_LANGUAGE, "en");
        let page = chosen.send().await.unwrap().text().await.unwrap();
        assert!(page.contains(r#"<html lang="zh-Hans""#), "{path}");
        let page = visitor.get(path).header(ACCEPT_LANGUAGE, "en").send().await.unwrap().text().await.unwrap();
        assert!(page.contains(r#"<html lang="en""#), "{path}");
    }
    let response = app.visitor().post_form("/language", &[("language", "x\r\ny"), ("next", "//evil.example")]);
    let response = response.send().await.unwrap();
    assert!(response.headers()[SET_COOKIE].to_str().unwrap().starts_with("language=en"));
    assert_eq!(response.headers()[LOCATION], "/");
}

#[tokio::test]
async fn errors_are_for_people_in_their_language_and_for_programs_in_none() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let refused = async |language: &'static str| {
        let request = user.post("/api/chat").header(ACCEPT_LANGUAGE, language).json(&json!({ "message": " " }));
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let (english, chinese) = (refused("en").await, refused("zh").await);
    assert_eq!(english["error"], "Write a message first.");
    assert_eq!(chinese["error"], "请先写一条消息。");
    assert_eq!((&english["code"], &english["field"]), (&chinese["code"], &chinese["field"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_speaks_to_people_in_their_language_and_to_programs_in_codes() {
    let app = TestApp::start().await;
    let user = app.user().await;
    assert_eq!(user.chat("#status=500").await.0, 502);
    let mut stalled = user.chat_stream(&json!({"message": "#tokens=0 #stall"})).await;
    let (_, start) = stalled.next_named("start").await;
    let stop = format!("/api/chat/{}/stop", start["messageId"].as_str().unwrap());
    assert!(user.post(&stop).send().await.unwrap().status().is_success());
    assert_eq!(user.make_image("a fox").await.0, 200);
    // One from before there were codes.
    let database = rusqlite::Connection::open(app.data_dir().join("tessera.db")).unwrap();
    let old = "INSERT INTO ledger (id, owner_id, kind, amount, held_change, available_after, key, request_id, reason, created_at)
               SELECT randomblob(16), owner_id, 'release', 0, 0, available, 'release:old', 'old', 'Nothing was asked', 0 FROM accounts";
    assert_eq!(database.execute(old, []).unwrap(), 1);

    let (_, page) = user.get_json("/api/credits/ledger").await;
    let told = page["data"]["items"].as_array().unwrap().iter().rev();
    let told: Vec<_> =
        told.map(|entry| [&entry["kind"], &entry["work"], &entry["reason"]].map(Value::as_str)).collect();
    let entry = |kind, work, reason| [Some(kind), work, reason];
    let (chat, image) = (Some("chat"), Some("image"));
    let expected = [
        entry("grant", None, Some("welcome")),
        entry("hold", chat, None),
        entry("release", chat, Some("failed")),
        entry("hold", chat, None),
        entry("release", chat, Some("stopped")),
        entry("hold", image, None),
        entry("settle", image, None),
        entry("release", None, Some("never_started")),
    ];
    assert_eq!(told, expected);
    let csv = user.get("/api/credits/ledger?format=csv").send().await.unwrap().text().await.unwrap();
    assert!(csv.contains(",welcome,") && csv.contains(",failed,") && csv.contains(",never_started,"), "{csv}");

    let table = async |language: &str| {
        let page = user.get("/dashboard").header(ACCEPT_LANGUAGE, language).send().await.unwrap().text().await.unwrap();
        page.split("<table").nth(1).unwrap().split("</table").next().unwrap().to_owned()
    };
    let (english, chinese) = (table("en").await, table("zh").await);
    for text in ["Image", "Welcome credits", "Failed", "Stopped", "Couldn’t start"] {
        assert!(english.contains(text) && !chinese.contains(text), "{text}");
    }
    assert!(!english.contains("Reply"), "{english}");
    for text in ["图片", "新用户赠送", "生成失败", "已停止", "未能开始"] {
        assert!(chinese.contains(text), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_read_aloud_is_in_the_language_too() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (_, answer) = user.chat("你好").await;
    let chat = format!("/chat/{}", answer["data"]["conversationId"].as_str().unwrap());
    let mut english = std::collections::BTreeSet::new();
    for path in [&*chat, "/images", "/dashboard", "/account", "/sign-in", "/"] {
        let page = user.get(path).header(ACCEPT_LANGUAGE, "zh").send().await.unwrap().text().await.unwrap();
        for name in ["aria-label", "title", "placeholder", "alt"] {
            for quote in ['"', '\''] {
                let attribute = format!(" {name}={quote}");
                let values = page.split(&attribute).skip(1).filter_map(|rest| rest.split(quote).next());
                let is_english = |value: &&str| {
                    value.is_ascii() && value.contains(char::is_alphabetic) && !value.contains(char::is_numeric)
                };
                english.extend(values.filter(is_english).map(|value| format!("{path}: {value}")));
            }
        }
    }
    english.retain(|found| !["Tessera", "English", "Ada"].iter().any(|name| found.ends_with(name)));
    assert!(english.is_empty(), "{english:#?}");
}
