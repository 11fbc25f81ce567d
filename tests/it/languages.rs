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
