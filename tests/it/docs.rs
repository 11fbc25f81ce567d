//! What docs/API.md shows is what the server does, and what can be set is what the README and `.env.example` say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};
use tessera::account::Email;
use tessera::app::config::Config;
use tessera::audit::Action;
use tessera::platform::db::now_millis;

use crate::avatars::set_avatar;
use crate::codes::add_example;
use crate::fake_paypal::FakePayPal;
use crate::leaving;
use crate::mail_links::add_examples;
use crate::passkey_pages::{add_passkey_examples, half_signed_in_with_passkey};
use crate::second_factor::half_signed_in;
use crate::support::{PASSWORD, PNG_URL, TestApp};

/// Where everything that the examples ask for is turned on.
async fn app_with_all(paypal: &FakePayPal) -> TestApp {
    let more = [("FREE_CREDITS", "50"), ("OPENAI_EMBEDDING_MODEL", "text-embedding-3-small")];
    TestApp::start_with(&[&paypal.vars()[..], &more].concat()).await
}

/// Each `curl` line is sent as it stands, but to this server and with ids that exist.
#[tokio::test]
async fn every_example_of_the_api_works() {
    let paypal = FakePayPal::start().await;
    let app = app_with_all(&paypal).await;
    let user = app.user().await;
    let (_, bought) = user.post_json("/api/credits/purchase", &json!({"pack": "100"})).await;
    let bought = |name: &str| bought["data"][name].as_str().unwrap().to_owned();
    paypal.approve(&bought("orderId"));
    user.post_json("/api/credits/capture", &json!({"orderId": bought("orderId")})).await;
    let (_, papers) = user.get_json("/api/credits/receipts").await;
    let receipt = papers["data"]["items"][0]["number"].as_str().unwrap();
    // An admin gives it back.
    let (_, second) = user.post_json("/api/credits/purchase", &json!({"pack": "100"})).await;
    let second = |name: &str| second["data"][name].as_str().unwrap().to_owned();
    paypal.approve(&second("orderId"));
    user.post_json("/api/credits/capture", &json!({"orderId": second("orderId")})).await;
    add_example(&app).await;
    add_examples(&app).await;
    let (_, first) = user.chat("Hello").await;
    let key = user.with_key(&json!({})).await.key.unwrap();
    // The newest is the one that an example revokes.
    user.with_key(&json!({})).await;
    let (_, keys) = user.get_json("/api/account/keys").await;
    let key_id = keys["data"]["items"][0]["id"].as_str().unwrap();
    let id = |name: &str| first["data"][name].as_str().unwrap().to_owned();
    let picture = json!({"message": "Look", "images": [PNG_URL]});
    let (_, seen) = user.post_json("/api/chat", &picture).await;
    let seen =
        user.get_json(&format!("/api/conversations/{}", seen["data"]["conversationId"].as_str().unwrap())).await.1;
    let attachment = seen["data"]["messages"][0]["images"][0]["id"].as_str().unwrap();
    let (_, made) = user.make_image("a fox").await;
    let image = made["data"]["id"].as_str().unwrap();
    // Where else they are signed in.
    let form = json!({"email": user.email, "password": PASSWORD});
    app.visitor().post("/api/auth/login").json(&form).send().await.unwrap();
    let (_, sessions) = user.get_json("/api/account/sessions").await;
    let sessions = sessions["data"]["items"].as_array().unwrap();
    let session = sessions.iter().find(|session| session["current"] == false).unwrap()["id"].as_str().unwrap();
    let leaver = app.user().await;
    let passkey = add_passkey_examples(&app, &user).await;
    let (mover, gone) = (app.user().await, app.user().await);
    let erasure = leaving::add_examples(&app, &user).await;
    let avatar = set_avatar(&user).await;
    let half = half_signed_in(&app).await;
    let half_with_passkey = half_signed_in_with_passkey(&app).await;
    let sign_up = Email::parse("newcomer@example.org").unwrap();
    let sign_up = app.state.account.sign_up_token(&sign_up, now_millis() + 60_000, None).unwrap();
    let (admin, member) = (app.admin().await, app.user().await);
    let (user_id, member, member_email) = (user.id().await, member.id().await, member.email);
    app.flush_traces().await;
    let (_, response) = user.post_json("/v1/responses", &json!({"model": "tessera", "input": "Hello"})).await;
    let docs = std::fs::read_to_string("docs/API.md").unwrap();
    let mut examples = 0;
    for line in docs.lines().filter(|line| line.starts_with("curl ")) {
        let words = words_of(line);
        let after = |flag: &str| words.iter().position(|word| word == flag).map(|at| words[at + 1].clone());
        let url = words.last().unwrap().strip_prefix("http://127.0.0.1:3000").unwrap();
        // Whose archive is ready.
        let exported = if url.ends_with("/export/download") { &user_id } else { &member };
        let path = url
            .replace("{messageId}", &id("messageId"))
            .replace("{conversationId}", &id("conversationId"))
            .replace("{attachmentId}", attachment)
            .replace("{imageId}", image)
            .replace("{avatarId}", &avatar)
            .replace("{receiptNumber}", receipt)
            .replace("{keyId}", key_id)
            .replace("{sessionId}", session)
            .replace("{passkeyId}", &passkey)
            .replace("{receipt}", &erasure)
            .replace("{userId}", exported)
            .replace("{requestId}", first["requestId"].as_str().unwrap())
            .replace("{paymentId}", &second("paymentId"))
            .replace("{responseId}", response["id"].as_str().unwrap());
        let body = after("-d");
        let method = after("-X").unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
        let visitor = app.visitor();
        // Signing in and out must not end the session of the other examples, and neither must a new password.
        let sender = match &*path {
            "/api/account/password" => &leaver,
            // Others have an archive already, and something to lose.
            "/api/account/export" if method == "POST" => &mover,
            "/api/account" => &gone,
            "/api/auth/second-step" => &half,
            "/api/auth/second-step/passkey" => &half_with_passkey,
            _ if path.starts_with("/api/admin/") => &admin,
            _ if path.starts_with("/api/auth/") && method == "POST" => &visitor,
            _ => &user,
        };
        let mut request = sender.request(Method::from_bytes(method.as_bytes()).unwrap(), &path);
        for (at, _) in words.iter().enumerate().filter(|(_, word)| *word == "-H") {
            let (name, value) = words[at + 1].split_once(": ").unwrap();
            request = request.header(name, value.replace("$TESSERA_API_KEY", &key));
        }
        if let Some(body) = body {
            serde_json::from_str::<Value>(&body).unwrap();
            let body = body.replace("{messageId}", &id("messageId")).replace("{imageId}", image);
            let body = body.replace("{ownEmail}", &gone.email).replace("{userEmail}", &member_email);
            let body = body.replace("the-token-of-a-sign-up-link", &sign_up);
            let body = body.replace("{orderId}", &bought("orderId")).replace("{paymentId}", &bought("paymentId"));
            request = request.body(body);
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
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, ' ') => words.push(String::new()),
            (Some('\''), '$') => panic!("{line}: a shell leaves $ alone between such quotes"),
            (_, c) => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whoever adds a variable to a `config.rs` tells of it in the README and in `.env.example`, and nowhere is one that is gone.
#[test]
fn every_action_of_the_audit_log_is_documented_in_its_one_list() {
    let docs = std::fs::read_to_string("docs/API.md").unwrap();
    let (_, list) = docs.split_once(" Actions: ").unwrap();
    let (list, rest) = list.split_once(". Nothing in it is ever changed").unwrap();
    for action in Action::ALL {
        assert!(list.contains(&format!("`{}`", action.as_str())), "{action:?}");
    }
    assert!(!rest.contains(". Nothing in it is ever changed"), "there is another list");
}

#[test]
fn every_variable_is_documented_and_every_documented_one_is_read() {
    let mut files = Vec::new();
    find_config_sources(&root().join("src"), &mut files);
    assert!(files.len() >= 4, "{files:?}");
    let read: BTreeSet<String> = files.iter().flat_map(|file| names_read_in(&read(file))).collect();
    assert!(read.len() >= 40, "{read:?}");

    let readme: BTreeSet<String> = read_root("README.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('|').next())
        // The line begins inside of backticks, so every other piece stands between two.
        .flat_map(|cell| cell.split('`').step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert_same(&read, &readme, "README.md");

    let example = example();
    let names: BTreeSet<String> = example.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.len(), example.len(), "one is in .env.example twice");
    assert_same(&read, &names, ".env.example");
}

/// With everything turned on, writing the defaults down changes nothing.
#[test]
fn the_values_of_the_example_are_the_defaults() {
    let needed = [
        ("ANTHROPIC_API_KEY", "key"),
        ("GEMINI_API_KEY", "key"),
        ("OPENAI_API_KEY", "key"),
        ("OPENAI_IMAGE_MODEL", "gpt-image-2"),
        ("OPENAI_EMBEDDING_MODEL", "text-embedding-3-small"),
        ("REPLICATE_API_TOKEN", "token"),
        ("CLERK_PUBLISHABLE_KEY", "pk_test_aGFwcHktaGlwcG8tMS5jbGVyay5hY2NvdW50cy5kZXYk"),
        ("CLERK_SECRET_KEY", "sk_test_key"),
        ("PAYPAL_CLIENT_ID", "id"),
        ("PAYPAL_CLIENT_SECRET", "secret"),
        ("S3_BUCKET", "images"),
        ("S3_ACCESS_KEY_ID", "key"),
        ("S3_SECRET_ACCESS_KEY", "secret"),
    ];
    let needed: BTreeMap<String, String> =
        needed.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut written = needed.clone();
    let defaults: Vec<_> = example().into_iter().filter(|(_, value)| !value.is_empty()).collect();
    assert!(defaults.len() >= 20, "{defaults:?}");
    for (name, value) in defaults {
        assert_eq!(written.insert(name.clone(), value), None, "{name} has no default");
    }
    let show = |vars| format!("{:#?}", Config::from_vars(vars).unwrap());
    assert_eq!(show(&written), show(&needed));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read_root(name: &str) -> String {
    read(&root().join(name))
}

/// `config.rs`, `config_….rs`, and whatever lies in a folder `config`.
fn find_config_sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            find_config_sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && (name.starts_with("config") || read(&path).contains("reader: &mut Reader"))
        {
            found.push(path);
        }
    }
}

/// Strings that are a variable's name and nothing else; the tests of the file are left out.
fn names_read_in(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap();
    let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let is_name = |text: &&str| {
        text.contains('_')
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    code.join("\n").split('"').filter(is_name).map(str::to_owned).collect()
}

/// The lines `# NAME=value` of `.env.example`.
fn example() -> Vec<(String, String)> {
    let text = read_root(".env.example");
    let settings = text.lines().filter_map(|line| line.strip_prefix("# ")?.split_once('='));
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    settings.filter(|(name, _)| is_name(name)).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn assert_same(read: &BTreeSet<String>, told: &BTreeSet<String>, place: &str) {
    let missing: Vec<_> = read.difference(told).collect();
    let gone: Vec<_> = told.difference(read).collect();
    assert!(missing.is_empty(), "read, but not in {place}: {missing:?}");
    assert!(gone.is_empty(), "in {place}, but read nowhere: {gone:?}");
}
