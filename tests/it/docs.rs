//! What docs/API.md shows is what the server does.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;

/// Each `curl` line is sent as it stands, but to this server and with ids that exist.
#[tokio::test]
async fn every_example_of_the_api_works() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "50")]).await;
    let user = app.user().await;
    let (_, first) = user.chat("Hello").await;
    let key = user.with_key(&json!({})).await.key.unwrap();
    // The newest is the one that an example revokes.
    user.with_key(&json!({})).await;
    let (_, keys) = user.get_json("/api/account/keys").await;
    let key_id = keys["data"]["items"][0]["id"].as_str().unwrap();
    let id = |name: &str| first["data"][name].as_str().unwrap().to_owned();
    let picture = json!({"message": "Look", "images": ["data:image/png;base64,iVBORw0KGgo="]});
    let (_, seen) = user.post_json("/api/chat", &picture).await;
    let seen =
        user.get_json(&format!("/api/conversations/{}", seen["data"]["conversationId"].as_str().unwrap())).await.1;
    let attachment = seen["data"]["messages"][0]["images"][0]["id"].as_str().unwrap();
    let (_, made) = user.make_image("a fox").await;
    let image = made["data"]["id"].as_str().unwrap();
    let docs = std::fs::read_to_string("docs/API.md").unwrap();
    let mut examples = 0;
    for line in docs.lines().filter(|line| line.starts_with("curl ")) {
        let words = words_of(line);
        let after = |flag: &str| words.iter().position(|word| word == flag).map(|at| words[at + 1].clone());
        let url = words.last().unwrap().strip_prefix("http://127.0.0.1:3000").unwrap();
        let path = url
            .replace("{messageId}", &id("messageId"))
            .replace("{conversationId}", &id("conversationId"))
            .replace("{attachmentId}", attachment)
            .replace("{imageId}", image)
            .replace("{keyId}", key_id);
        let body = after("-d");
        let method = after("-X").unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
        let visitor = app.visitor();
        // Signing in and out must not end the session of the other examples.
        let sender = if path.starts_with("/api/auth/") && method == "POST" { &visitor } else { &user };
        let mut request = sender.request(Method::from_bytes(method.as_bytes()).unwrap(), &path);
        for (at, _) in words.iter().enumerate().filter(|(_, word)| *word == "-H") {
            let (name, value) = words[at + 1].split_once(": ").unwrap();
            request = request.header(name, value.replace("$TESSERA_API_KEY", &key));
        }
        if let Some(body) = body {
            serde_json::from_str::<Value>(&body).unwrap();
            request = request.body(body.replace("{messageId}", &id("messageId")).replace("{imageId}", image));
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        assert!(status.is_success(), "{line}: {status} {}", response.text().await.unwrap());
        examples += 1;
    }
    assert!(examples >= 18, "{examples} examples");
}

/// As a shell would split them: quotes hold words together.
fn words_of(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for c in line.chars() {
        match c {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
