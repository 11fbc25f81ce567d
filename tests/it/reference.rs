//! The description of the API is what the server does: no route without a description, no description without a route, and
//! every answer as described.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tessera::account::Email;
use tessera::app::router;
use tessera::platform::db::now_millis;
use uuid::Uuid;

use crate::avatars::set_avatar;
use crate::codes::add_example;
use crate::fake_provider::FakeProvider;
use crate::leaving;
use crate::mail_links::add_examples;
use crate::passkey_pages::{add_passkey_examples, half_signed_in_with_passkey};
use crate::second_factor::half_signed_in;
use crate::support::{PASSWORD, PNG_URL, TestApp, User};
use crate::tools::python;

/// An operation of the document.
struct Operation {
    path: String,
    method: String,
    about: Value,
}

impl Operation {
    fn address(&self, id: &str) -> String {
        fill(&self.path, id)
    }

    fn request(&self, user: &User, id: &str) -> RequestBuilder {
        user.request(Method::from_bytes(self.method.to_uppercase().as_bytes()).unwrap(), &self.address(id))
    }

    fn example(&self) -> Option<&Value> {
        self.about.pointer("/requestBody/content/application~1json/example")
    }

    /// Sends its own example as JSON.
    fn as_shown(&self, user: &User, ids: &Ids) -> RequestBuilder {
        self.with_example(self.request(user, ids.of_path(&self.path)), ids)
    }

    fn with_example(&self, request: RequestBuilder, ids: &Ids) -> RequestBuilder {
        let filled = |example: &Value| {
            let places = [
                ("{messageId}", &ids.message),
                ("{orderId}", &ids.order),
                ("{paymentId}", &ids.payment),
                ("{ownEmail}", &ids.gone),
                ("the-token-of-a-sign-up-link", &ids.sign_up),
                ("{memberEmail}", &ids.member_email),
            ];
            places.iter().fold(example.to_string(), |text, (place, id)| text.replace(place, id))
        };
        match self.example().map(filled) {
            Some(example) => request.header(CONTENT_TYPE, "application/json").body(example),
            None => request,
        }
    }

    fn is_for_anybody(&self) -> bool {
        self.about["security"] == json!([{}])
    }

    fn is_webhook(&self) -> bool {
        self.path.starts_with("/api/webhooks/")
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// The path with its parameter.
fn fill(path: &str, id: &str) -> String {
    path.replace("{id}", id).replace("{name}", id).replace("{number}", id).replace("{token}", id)
}

async fn document(app: &TestApp) -> Value {
    let response = app.visitor().get("/api/openapi.json").send().await.unwrap();
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    response.json().await.unwrap()
}

/// All operations: first who signs up, last what deletes.
fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, about) in methods.as_object().unwrap() {
            all.push(Operation { path: path.clone(), method: method.clone(), about: about.clone() });
        }
    }
    all.sort_by_key(|operation| {
        (operation.method == "delete", !operation.path.ends_with("/register"), Reverse(operation.path.len()))
    });
    all
}

/// What the operations are tried with.
struct Ids {
    message: String,
    conversation: String,
    key: String,
    attachment: String,
    image: String,
    order: String,
    payment: String,
    receipt: String,
    session: String,
    passkey: String,
    /// What an erasure is followed by.
    erasure: String,
    /// The address of somebody who leaves.
    gone: String,
    /// Somebody whom admins look at.
    response: String,
    user: String,
    member: String,
    /// A request that was charged.
    request: String,
    /// A purchase that an admin gives back.
    purchase: String,
    avatar: String,
    /// The token of a link that makes an account.
    sign_up: String,
    member_email: String,
}

impl Ids {
    async fn of(app: &TestApp, user: &User, seller: &FakeProvider, gone: &User, member: &User) -> Self {
        let (_, bought) = user.post_json("/api/credits/purchase", &json!({"pack": "500"})).await;
        let order = bought["data"]["orderId"].as_str().unwrap();
        seller.approve(order);
        user.post_json("/api/credits/capture", &json!({ "orderId": order })).await;
        // Is ended by an example.
        user.post_json("/api/credits/subscribe", &json!({"plan": "plus"})).await;
        let (_, second) = user.post_json("/api/credits/purchase", &json!({"pack": "100"})).await;
        let second_order = second["data"]["orderId"].as_str().unwrap();
        seller.approve(second_order);
        user.post_json("/api/credits/capture", &json!({ "orderId": second_order })).await;
        let (_, papers) = user.get_json("/api/credits/receipts").await;
        let (_, chat) = user.chat("Hello").await;
        let (_, key) = user.post_json("/api/account/keys", &json!({"name": "laptop"})).await;
        let picture = json!({"message": "Look", "images": [PNG_URL]});
        let (_, seen) = user.post_json("/api/chat", &picture).await;
        let path = format!("/api/conversations/{}", seen["data"]["conversationId"].as_str().unwrap());
        let (_, seen) = user.get_json(&path).await;
        let (_, made) = user.make_image("a fox").await;
        // Where else they are signed in.
        let form = json!({ "email": user.email, "password": PASSWORD });
        assert_eq!(User::new(user.addr).post("/api/auth/login").json(&form).send().await.unwrap().status(), 200);
        let (_, sessions) = user.get_json("/api/account/sessions").await;
        let sessions = sessions["data"]["items"].as_array().unwrap();
        let other = sessions.iter().find(|session| session["current"] == false).unwrap();
        let (_, kept) = user.post_json("/v1/responses", &json!({"model": "tessera", "input": "Hello"})).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            message: text(&chat["data"]["messageId"]),
            conversation: text(&chat["data"]["conversationId"]),
            key: text(&key["data"]["id"]),
            attachment: text(&seen["data"]["messages"][0]["images"][0]["id"]),
            image: text(&made["data"]["id"]),
            order: text(&bought["data"]["orderId"]),
            payment: text(&bought["data"]["paymentId"]),
            receipt: text(&papers["data"]["items"][0]["number"]),
            session: text(&other["id"]),
            passkey: add_passkey_examples(app, user).await,
            erasure: leaving::add_examples(app, user).await,
            gone: gone.email.clone(),
            user: user.id().await,
            member: member.id().await,
            request: text(&chat["requestId"]),
            purchase: text(&second["data"]["paymentId"]),
            response: text(&kept["id"]),
            avatar: set_avatar(user).await,
            sign_up: {
                let newcomer = Email::parse("newcomer@example.org").unwrap();
                app.state.account.sign_up_token(&newcomer, now_millis() + 600_000, None).unwrap()
            },
            member_email: member.email.clone(),
        }
    }

    fn of_path(&self, path: &str) -> &str {
        match path.split("/{").next().unwrap() {
            "/api/chat" if path.contains('{') => &self.message,
            "/api/conversations" if path.contains('{') => &self.conversation,
            "/api/chat/attachments" => &self.attachment,
            "/api/images" if path.contains('{') => &self.image,
            "/api/account/keys" if path.contains('{') => &self.key,
            "/api/account/passkeys" if path.contains('{') => &self.passkey,
            "/api/account/avatar" if path.contains('{') => &self.avatar,
            "/api/account/sessions" if path.contains('{') => &self.session,
            "/api/account/erasure" => &self.erasure,
            "/api/credits/receipts" if path.contains('{') => &self.receipt,
            "/api/admin/flags" if path.contains('{') => "images",
            "/api/admin/traces" => &self.request,
            "/api/admin/payments" => &self.purchase,
            // They have an archive.
            "/api/admin/users" if path.ends_with("/export/download") => &self.user,
            "/api/admin/users" if path.contains('{') => &self.member,
            "/v1/models" if path.contains('{') => "tessera",
            "/v1/responses" if path.contains('{') => &self.response,
            _ if !path.contains('{') => "",
            _ => panic!("which id does {path} take?"),
        }
    }
}

async fn answer(operation: &Operation, how: &str, request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let headers: Vec<_> = response.headers().keys().map(|name| name.as_str().to_owned()).collect();
    let kind = response.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
    let status = response.status().as_u16();
    json!({
        "what": format!("{} {how}", operation.name()), "path": operation.path, "method": operation.method,
        "status": status, "kind": kind, "headers": headers, "body": response.text().await.unwrap(),
    })
}

#[tokio::test]
async fn the_document_is_valid_and_every_answer_is_as_described() {
    let (app, seller) = TestApp::start_selling(&[
        ("FREE_CREDITS", "200"),
        ("RATE_LIMIT_PER_MINUTE", "1000"),
        ("OPENAI_EMBEDDING_MODEL", "text-embedding-3-small"),
    ])
    .await;
    let (user, visitor) = (app.user().await, app.visitor());
    // A new password ends all sessions.
    let leaver = app.user().await;
    // Others have an archive already, and something to lose.
    let (mover, gone) = (app.user().await, app.user().await);
    let half = half_signed_in(&app).await;
    let (admin, member) = (app.admin().await, app.user().await);
    let ids = Ids::of(&app, &user, &seller, &gone, &member).await;
    app.flush_traces().await;
    let half_with_passkey = half_signed_in_with_passkey(&app).await;
    add_example(&app).await;
    add_examples(&app).await;
    let document = document(&app).await;
    let mut answers = Vec::new();
    // Whoever is not Replicate is refused, whatever is said.
    for operation in operations(&document).into_iter().filter(|operation| !operation.is_webhook()) {
        let id = ids.of_path(&operation.path);
        let who = match &*operation.path {
            "/api/auth/second-step" => &half,
            "/api/auth/second-step/passkey" => &half_with_passkey,
            _ if operation.is_for_anybody() => &visitor,
            "/api/account/password" => &leaver,
            "/api/account/export" if operation.method == "post" => &mover,
            "/api/account" => &gone,
            path if path.starts_with("/api/admin/") => &admin,
            _ => &user,
        };
        let successes = operation.about["responses"].as_object().unwrap();
        let kinds =
            successes.values().filter_map(|response| response["content"].as_object()).flat_map(|kinds| kinds.keys());
        for kind in kinds.map(String::as_str).collect::<BTreeSet<_>>() {
            let how = format!("with Accept: {kind}");
            let answer = answer(&operation, &how, operation.as_shown(who, &ids).header(ACCEPT, kind)).await;
            assert!(answer["status"].as_u64().unwrap() < 300, "{} is refused: {answer}", operation.name());
            answers.push(answer);
        }
        if !operation.is_for_anybody() {
            let refused = answer(&operation, "by nobody", operation.as_shown(&visitor, &ids)).await;
            assert_eq!(refused["status"], 401, "{refused}");
            answers.push(refused);
        }
        if operation.path.contains('{') {
            let nowhere = Uuid::now_v7().to_string();
            let missing =
                answer(&operation, "of nothing", operation.with_example(operation.request(who, &nowhere), &ids)).await;
            assert_eq!(missing["status"], 404, "{missing}");
            answers.push(missing);
        }
        if operation.example().is_some() {
            answers.push(answer(&operation, "with no fields", operation.request(who, id).json(&json!({}))).await);
            let plain = operation.request(who, id).header(CONTENT_TYPE, "text/plain").body("hello");
            answers.push(answer(&operation, "in plain text", plain).await);
            let large = operation.request(who, id).json(&json!({"message": "x".repeat(9_000_000)}));
            answers.push(answer(&operation, "too large", large).await);
        }
    }
    let csv = user.get("/api/credits/ledger?format=csv");
    let ledger = Operation { path: "/api/credits/ledger".into(), method: "get".into(), about: Value::Null };
    answers.push(answer(&ledger, "as CSV", csv).await);
    let export = Operation { path: "/api/conversations/{id}/export".into(), method: "get".into(), about: Value::Null };
    // The examples have set budgets, and used them up.
    let none = user.request(Method::PUT, "/api/account/budgets").json(&json!({"budgets": []}));
    assert_eq!(none.send().await.unwrap().status(), 200);
    let (status, other) = user.chat("Hello").await;
    assert_eq!(status, 200, "{other}");
    let other = other["data"]["conversationId"].as_str().unwrap();
    let file = user.get(&format!("/api/conversations/{other}/export?format=json"));
    answers.push(answer(&export, "as JSON", file).await);
    let stream = json!({"model": "tessera", "messages": [{"role": "user", "content": "Hello"}], "stream": true,
        "stream_options": {"include_usage": true}});
    let chunks = Operation { path: "/v1/chat/completions".into(), method: "post".into(), about: Value::Null };
    answers.push(answer(&chunks, "as a stream", user.post("/v1/chat/completions").json(&stream)).await);
    assert!(answers.len() > 50, "{} answers", answers.len());

    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), json!({"document": document, "answers": answers}).to_string()).unwrap();
    let output = python("check_openapi.py", "openapi").arg(file.path()).output().await.unwrap();
    let problems = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(problems.trim().is_empty(), "{problems}");
}

#[tokio::test]
async fn no_route_is_without_its_description() {
    let app = TestApp::start().await;
    let document = document(&app).await;
    let paths = document["paths"].as_object().unwrap();
    // Axum tells its routes to nobody but `Debug`.
    let table = format!("{:?}", router::build(&app.state));
    let is_api =
        |path: &&str| ["/api/", "/v1/", "/healthz", "/readyz", "/metrics"].iter().any(|start| path.starts_with(start));
    let routes: BTreeSet<_> = table.split('"').filter(is_api).map(|path| path.replace("{*", "{")).collect();
    assert!(routes.len() > 10, "{routes:?}");
    let described: BTreeSet<_> = paths.keys().cloned().collect();
    assert_eq!(routes, described);
    let visitor = app.visitor();
    for (path, methods) in paths {
        for method in ["get", "post", "put", "patch", "delete"] {
            if methods.get(method).is_none() {
                let address = fill(path, &Uuid::now_v7().to_string());
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let response = visitor.request(method.clone(), &address).send().await.unwrap();
                assert_eq!(response.status(), 405, "{method} {path} is not described");
            }
        }
    }
}

#[tokio::test]
async fn the_guide_shows_every_operation_and_no_other() {
    let app = TestApp::start().await;
    let mut operations = operations(&document(&app).await);
    operations.retain(|operation| !operation.is_webhook());
    let guide = std::fs::read_to_string("docs/API.md").unwrap();
    let mut shown = BTreeSet::new();
    for line in guide.lines().filter(|line| line.starts_with("curl ")) {
        let url = line.rsplit_once("http://127.0.0.1:3000").unwrap().1;
        let path = url.split(['?', '\'', ' ']).next().unwrap();
        let method = line.split_once("-X ").map(|(_, rest)| rest.split(' ').next().unwrap());
        let method = method.unwrap_or(if line.contains(" -d ") { "POST" } else { "GET" }).to_lowercase();
        let fits = |operation: &&Operation| {
            let (template, path) = (operation.path.split('/'), path.split('/'));
            operation.method == method
                && template.clone().count() == path.clone().count()
                && template.zip(path).all(|(wanted, given)| wanted == given || wanted.starts_with('{'))
        };
        // `/api/chat/{id}` takes anything, so the one that is spelled the same is meant.
        let found = operations.iter().filter(fits).min_by_key(|operation| operation.path.matches('{').count());
        shown.insert(found.unwrap_or_else(|| panic!("not described: {line}")).name());
    }
    let missing: Vec<_> = operations.iter().map(Operation::name).filter(|name| !shown.contains(name)).collect();
    assert!(missing.is_empty(), "docs/API.md has no curl line for {missing:?}");
    for error in app_codes(&document(&app).await) {
        assert!(guide.contains(&format!("`{error}`")), "docs/API.md does not know the error {error}");
    }
}

/// The codes of all errors.
fn app_codes(document: &Value) -> BTreeSet<String> {
    let responses = document["components"]["responses"].as_object().unwrap();
    let examples = responses.values().flat_map(|response| {
        response["content"]["application/json"]["examples"]
            .as_object()
            .unwrap()
            .values()
            .map(|example| &example["value"])
    });
    examples.filter_map(|body| body["code"].as_str()).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_page_shows_every_operation_without_a_script() {
    let app = TestApp::start().await;
    let response = app.visitor().get("/api/docs").header("cookie", "theme=dark").send().await.unwrap();
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("script-src 'none'"));
    let page = response.text().await.unwrap();
    assert!(page.contains(r#"data-theme="dark""#));
    assert!(!page.contains("<script") && !page.contains("style=\"") && !page.contains("src=\"http"));
    for operation in operations(&document(&app).await) {
        let id = operation.about["operationId"].as_str().unwrap();
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
    let targets = page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
    let lost: BTreeSet<_> = targets.filter(|target| !page.contains(&format!("id=\"{target}\""))).collect();
    assert!(lost.is_empty(), "links to nowhere: {lost:?}");
    let mut ids: Vec<_> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id is there twice");
    let landing = app.visitor().get("/").send().await.unwrap().text().await.unwrap();
    assert!(landing.contains("href=\"/api/docs\""));
}
