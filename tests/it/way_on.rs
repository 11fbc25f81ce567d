//! What pages say where one would be stuck: no credits, a model that is often wrong, a form with several mistakes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{ACCEPT_LANGUAGE, COOKIE, LOCATION, SET_COOKIE};
use sha2::{Digest, Sha256};

use crate::support::{TestApp, User};

async fn page(user: &User, path: &str) -> String {
    // Where the types of views are erased, a text ends with a mark.
    user.get(path).send().await.unwrap().text().await.unwrap().replace("<!>", "")
}

#[tokio::test]
async fn who_has_few_credits_learns_where_there_are_more_and_comes_back() {
    let more = r#"href="/buy-credits?from=/chat""#;
    let rich = TestApp::start().await;
    let chat = page(&rich.user().await, "/chat").await;
    assert!(!chat.contains(more) && !chat.contains(" data-broke"));

    let few = TestApp::start_with(&[("FREE_CREDITS", "3")]).await;
    let user = few.user().await;
    let chat = page(&user, "/chat").await;
    assert!(chat.contains("You have 3 credits left.") && chat.contains(more) && !chat.contains(" data-broke"));
    assert!(page(&user, "/dashboard").await.contains(r#"href="/buy-credits""#));
    let closed = page(&user, "/buy-credits").await;
    assert!(closed.contains("Buying is switched off here") && closed.contains("Ask the person who runs this site"));

    let none = TestApp::start_with(&[("FREE_CREDITS", "0"), ("OPERATOR_CONTACT", "ops@example.org")]).await;
    let user = none.user().await;
    let chat = page(&user, "/chat").await;
    assert!(chat.contains(more) && chat.contains(" data-broke"));
    let closed = page(&user, "/buy-credits?from=/chat/1").await;
    assert!(closed.contains("href='mailto:ops@example.org'") && closed.contains(r#"href="/chat/1""#));
    for elsewhere in ["//evil.example", "https://evil.example", "/chat%22onload", "/chat.evil", "/chatter", "/chat/%0a"]
    {
        let closed = page(&user, &format!("/buy-credits?from={elsewhere}")).await;
        assert!(!closed.contains(r#"href="//evil"#) && !closed.contains(r#"href="https://evil"#), "{elsewhere}");
        assert!(!closed.contains("Back to your text") && !closed.contains(r#"/chat"onload"#), "{elsewhere}");
    }
}

/// Without a script nothing else keeps what was written.
#[tokio::test]
async fn a_message_that_there_are_too_few_credits_for_waits_while_some_are_bought() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "0")]).await;
    let user = app.user().await;
    let form = [("message", "Why are <there> tides?"), ("conversationId", "01939b7e-0000-7000-8000-0123456789ab")];
    let refused = user.post_form("/chat", &form).send().await.unwrap();
    let (status, headers) = (refused.status(), refused.headers().clone());
    assert_eq!(status, 303);
    let to = headers[LOCATION].to_str().unwrap();
    assert_eq!(to, "/buy-credits?from=%2Fchat%2F01939b7e-0000-7000-8000-0123456789ab");
    assert!(page(&user, to).await.contains(r#"href="/chat/01939b7e-0000-7000-8000-0123456789ab""#));
    let kept = headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let session = user.cookie.clone().unwrap();
    let back = app.visitor().get("/chat").header(COOKIE, format!("{session}; {kept}")).send().await.unwrap();
    assert!(back.text().await.unwrap().contains("Why are &lt;there> tides?"));
}

#[tokio::test]
async fn the_small_model_says_that_it_is_often_wrong() {
    let small = [("CHAT_PROVIDERS", "local"), ("LOCAL_MODEL", "/nowhere/SmolLM2-135M-Instruct.Q4_1.gguf")];
    let app = TestApp::start_with(&small).await;
    let user = app.user().await;
    // Once above the composer, and once in the template.
    let says = |page: &str, text: &str| page.matches(text).count();
    let chat = page(&user, "/chat").await;
    assert_eq!(says(&chat, "A very small built-in model"), 2);
    assert_eq!((says(&chat, ">What is a mosaic?</button>"), says(&chat, "unpaid invoice.</button>")), (2, 0));
    let chinese = user.get("/chat").header(ACCEPT_LANGUAGE, "zh").send().await.unwrap().text().await.unwrap();
    assert_eq!(says(&chinese, ">What is a mosaic?</button>"), 2, "it knows English alone");
    assert_eq!((says(&chinese, "什么是马赛克？"), says(&chinese, "只懂英文")), (2, 2));

    for other in [
        [("CHAT_PROVIDERS", "local"), ("LOCAL_MODEL", "/nowhere/large.gguf")],
        [("CHAT_PROVIDERS", "openai,local"), small[1]],
    ] {
        let app = TestApp::start_with(&other).await;
        let chat = page(&app.user().await, "/chat").await;
        assert_eq!(says(&chat, "A very small built-in model"), 0, "{other:?}");
        assert_eq!(says(&chat, "unpaid invoice.</button>"), 2);
    }
}

#[tokio::test]
async fn all_that_is_wrong_with_a_form_is_said_at_once() {
    let app = TestApp::start().await;
    let long = "a".repeat(81);
    let form = [("email", "ada"), ("password", "short"), ("name", &*long)];
    let response = app.visitor().post_form("/sign-up", &form).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let page = response.text().await.unwrap();
    for field in ["email", "name", "password"] {
        assert!(page.contains(&format!(r#"id="{field}-error""#)), "{field}");
    }
    assert_eq!(page.matches("autofocus").count(), 1, "on the first of them");
    let response = app.visitor().post_form("/sign-in", &[("email", "ada"), ("password", "")]).send().await.unwrap();
    let page = response.text().await.unwrap();
    assert!(page.contains(r#"id="email-error""#) && page.contains(r#"id="password-error""#));
}

#[tokio::test]
async fn sign_in_pages_let_browsers_fetch_the_app_ahead_and_run_our_scripts_only() {
    let app = TestApp::start().await;
    // That of passkeys is a file.
    for (path, files) in [("/sign-in", " 'self'"), ("/sign-up", "")] {
        let response = app.visitor().get(path).send().await.unwrap();
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        // Firefox judges a prefetch by it.
        assert!(policy.starts_with("default-src 'self'; "), "{policy}");
        for closed in ["object-src", "media-src", "frame-src", "worker-src", "base-uri", "frame-ancestors"] {
            assert!(policy.contains(&format!("{closed} 'none'")), "{closed}: {policy}");
        }
        let page = response.text().await.unwrap();
        let script = page.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next()).unwrap();
        let hash = BASE64_STANDARD.encode(Sha256::digest(script));
        assert!(policy.ends_with(&format!("script-src 'sha256-{hash}'{files}")), "{policy}");
    }
}

#[test]
fn what_an_animation_leaves_behind_does_not_hang_on_its_last_frame() {
    for file in std::fs::read_dir("style").unwrap() {
        let path = file.unwrap().path();
        for line in std::fs::read_to_string(&path).unwrap().lines().filter(|line| line.contains("animation")) {
            let has_steps = line.contains("step");
            assert!(!(has_steps && (line.contains("both") || line.contains("forwards"))), "{path:?}: {line}");
        }
    }
}

/// The prompt of an image does the same, in the way back itself.
#[tokio::test]
async fn a_prompt_that_there_are_too_few_credits_for_waits_while_some_are_bought() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "1")]).await;
    let user = app.user().await;
    for (prompt, comes_back) in
        [("A \"lamp\" & a moth".to_owned(), true), ("灯".repeat(330), true), ("灯".repeat(600), false)]
    {
        let refused = user.post_form("/images", &[("prompt", &*prompt)]).send().await.unwrap();
        let images = page(&user, refused.headers()[LOCATION].to_str().unwrap()).await;
        let (_, link) = images.split_once("href=\"/buy-credits?").unwrap();
        let link = link.split('"').next().unwrap().replace("&amp;", "&");
        let shop = page(&user, &format!("/buy-credits?{link}")).await;
        let back = shop.split_once("href=\"/images?").map_or("", |(_, back)| back.split('"').next().unwrap());
        let back = format!("/images?{}", back.replace("&amp;", "&"));
        let typed = prompt.replace('&', "&amp;");
        assert_eq!(page(&user, &back).await.contains(&typed), comes_back, "{back}");
    }
}
