//! Databases as released versions left them, opened by this one: nothing of them is lost, in SQLite and in MongoDB.
//!
//! `make_fixtures` has made each with the program of its tag, which `RELEASED` names:
//!
//!     RELEASED=…/tessera RELEASED_AS=0_2 cargo nextest run --features ssr --run-ignored only make_fixtures
//!
//! That of 0.2 is of commit bc6a4d4. Three people chat, fail, make images and keys, and share; the server is killed while it writes a
//! reply. `released_0_2.json` is what the version itself told of them, `.db.gz` and `.bson.gz` are the databases.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use futures::TryStreamExt;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Duration, sleep};

use crate::fake_openai::FakeOpenAi;
use crate::mongod::{Kind, Mongod, free_addr};
use crate::support::{PASSWORD, PNG_URL, TestApp, User};

const RELEASES: [&str; 1] = ["0_2"];

fn fixture(release: &str, kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/released_{release}.{kind}"))
}

fn gzip(argument: &str, from: &Path) -> Vec<u8> {
    let output = Command::new("gzip").arg(argument).arg(from).output().unwrap();
    assert!(output.status.success(), "{}: {}", from.display(), String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// What the server says of somebody.
async fn told(user: &User) -> Value {
    let ok = async |path: &str| {
        let (status, body) = user.get_json(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body["data"].clone()
    };
    let some = |value: &Value, names: &[&str]| -> Value {
        names.iter().map(|name| ((*name).to_owned(), value[*name].clone())).collect::<serde_json::Map<_, _>>().into()
    };
    let all = |list: &Value, names: &[&str]| -> Vec<Value> {
        list.as_array().unwrap().iter().map(|item| some(item, names)).collect()
    };
    let mut conversations = Vec::new();
    for conversation in ok("/api/conversations?limit=50").await["items"].as_array().unwrap() {
        let found = ok(&format!("/api/conversations/{}", conversation["id"].as_str().unwrap())).await;
        let mut told = some(conversation, &["id", "title", "pinned", "shared"]);
        told["messages"] = all(&found["messages"], &["id", "author", "content", "state"]).into();
        conversations.push(told);
    }
    json!({
        "email": user.email,
        "credits": some(&ok("/api/credits").await, &["available", "held"]),
        "conversations": conversations,
        "images": all(&ok("/api/images?limit=50").await["items"], &["id", "prompt", "status", "favorite", "aspectRatio"]),
        "ledger": all(&ok("/api/credits/ledger?limit=100").await["items"], &["id", "kind", "amount"]),
        "keys": all(&ok("/api/account/keys").await["items"], &["id", "name", "budget", "spent"]),
    })
}

/// Nothing is lost: people sign in, see what they saw, and go on; the reply that was being written when its server was killed is free.
async fn assert_nothing_is_lost(app: &TestApp, expected: &Value) {
    let held = |user: &Value| user["credits"]["held"].as_f64().unwrap();
    app.assert_books_balance().await;
    let mut users = Vec::new();
    for before in expected["users"].as_array().unwrap() {
        let mut user = app.visitor();
        before["email"].as_str().unwrap().clone_into(&mut user.email);
        let body = json!({"email": user.email, "password": PASSWORD});
        let response = user.post("/api/auth/login").json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200, "{}", user.email);
        user.keep_cookie(&response);
        let mut now = told(&user).await;
        if held(before) > 0.0 {
            for _ in 0..120 {
                if held(&now) == 0.0 {
                    break;
                }
                sleep(Duration::from_millis(500)).await;
                now = told(&user).await;
            }
            let all = |user: &Value| held(user) + user["credits"]["available"].as_f64().unwrap();
            assert_eq!((held(&now), all(&now)), (0.0, all(before)), "{now}");
        } else {
            assert_eq!(&now, before);
        }
        for page in ["/dashboard", "/images", "/account", "/chat"] {
            let response = user.get(page).send().await.unwrap();
            assert_eq!(response.status(), 200, "{page}");
        }
        users.push(user);
    }
    // What is older than the release goes on as well.
    let ada = &users[0];
    let conversation = &expected["users"][0]["conversations"][0];
    let (status, answer) =
        ada.post_json("/api/chat", &json!({"message": "#tokens=2", "conversationId": conversation["id"]})).await;
    assert_eq!(status, 200, "{answer}");
    let (status, found) = ada.get_json("/api/conversations?q=word2").await;
    assert_eq!((status, found["data"]["items"].as_array().unwrap().is_empty()), (200, false), "{found}");
    let shared = app.visitor().get(expected["shared"].as_str().unwrap()).send().await.unwrap();
    assert!(shared.status() == 200 && shared.text().await.unwrap().contains("word3"));
    let mut program = app.visitor();
    program.key = Some(expected["key"].as_str().unwrap().to_owned());
    let body = json!({"model": "tessera", "messages": [{"role": "user", "content": "#tokens=2"}]});
    assert_eq!(program.post_json("/v1/chat/completions", &body).await.0, 200);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_each_release_opens() {
    for release in RELEASES {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("tessera.db"), gzip("-dc", &fixture(release, "db.gz"))).unwrap();
        let app = TestApp::start_with(&[("DATA_DIR", folder.path().to_str().unwrap())]).await;
        assert_nothing_is_lost(&app, &expected(release, "sqlite")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mongodb_of_each_release_opens() {
    let mongod = Mongod::start(Kind::ReplicaSet).await;
    for release in RELEASES {
        let uri = mongod.uri();
        let database = Client::with_uri_str(&uri).await.unwrap().default_database().unwrap();
        let all = gzip("-dc", &fixture(release, "bson.gz"));
        let mut rest = &*all;
        while !rest.is_empty() {
            let piece = Document::from_reader(&mut rest).unwrap();
            let name = piece.get_str("collection").unwrap();
            if let Ok(document) = piece.get_document("document") {
                database.collection::<Document>(name).insert_one(document).await.unwrap();
            } else {
                let indexes = piece.get_array("indexes").unwrap();
                database.run_command(doc! { "createIndexes": name, "indexes": indexes }).await.unwrap();
            }
        }
        let app = TestApp::start_with(&[("MONGODB_URI", &uri)]).await;
        assert_nothing_is_lost(&app, &expected(release, "mongodb")).await;
    }
}

fn expected(release: &str, store: &str) -> Value {
    let all = std::fs::read_to_string(fixture(release, "json")).unwrap();
    serde_json::from_str::<Value>(&all).unwrap()[store].take()
}

/// Two people whose work is done, and one whose reply is being written. Returns what the server tells of them.
async fn use_it(addr: SocketAddr) -> Value {
    let mut users = Vec::new();
    for _ in 0..3 {
        let mut user = User::new(addr);
        user.register().await;
        users.push(user);
    }
    let [ada, bob, eve] = &users[..] else { panic!() };
    let said = async |user: &User, body: Value| {
        let (status, answer) = user.post_json("/api/chat", &body).await;
        assert_eq!(status, 200, "{answer}");
        answer["data"].clone()
    };
    let first = said(ada, json!({"message": "What is a tessera? #tokens=3", "systemPrompt": "Answer in verse."})).await;
    let id = first["conversationId"].as_str().unwrap();
    said(ada, json!({"message": "And a mosaic? #tokens=5", "conversationId": id})).await;
    let changed =
        user_patch(ada, &format!("/api/conversations/{id}"), &json!({"title": "Mosaics", "pinned": true})).await;
    assert_eq!(changed, 200);
    let (_, link) = ada.post_json(&format!("/api/conversations/{id}/share"), &json!({})).await;
    let shared = url::Url::parse(link["data"]["url"].as_str().unwrap()).unwrap().path().to_owned();
    let (status, failed) = ada.post_json("/api/chat", &json!({"message": "#status=400"})).await;
    assert!(status >= 400, "{failed}");
    assert_eq!(ada.make_image("a lighthouse at dusk").await.0, 200);
    let (_, image) = ada.make_image("/dev/null, framed").await;
    let path = format!("/api/images/{}", image["data"]["id"].as_str().unwrap());
    assert_eq!(user_patch(ada, &path, &json!({"favorite": true})).await, 200);
    let (status, made) = ada.post_json("/api/account/keys", &json!({"name": "script", "budget": 5})).await;
    assert_eq!(status, 201, "{made}");
    let key = made["data"]["key"].clone();
    let mut program = User::new(addr);
    program.key = key.as_str().map(str::to_owned);
    let body = json!({"model": "tessera", "messages": [{"role": "user", "content": "#tokens=2"}]});
    assert_eq!(program.post_json("/v1/chat/completions", &body).await.0, 200);
    said(bob, json!({"message": "看图 #tokens=4", "images": [PNG_URL]})).await;
    said(bob, json!({"message": "/image 21:9 a bridge"})).await;
    let mut events = eve.chat_stream(&json!({"message": "#tokens=1000 #pause=50"})).await;
    events.next_named("token").await;
    // Long enough for what was read to be stored as well.
    sleep(Duration::from_secs(2)).await;
    let mut all = Vec::new();
    for user in &users {
        all.push(told(user).await);
    }
    json!({"users": all, "shared": shared, "key": key})
}

async fn user_patch(user: &User, path: &str, body: &Value) -> u16 {
    user.request(reqwest::Method::PATCH, path).json(body).send().await.unwrap().status().as_u16()
}

/// The released program, killed when this goes.
struct Released(Child);

impl Drop for Released {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

async fn run_released(folder: &Path, more: &[(&str, &str)]) -> Value {
    let (upstream, addr) = (FakeOpenAi::start().await, free_addr());
    let mut command = Command::new(std::env::var_os("RELEASED").expect("RELEASED names the program"));
    command.current_dir(folder).env_clear().env("SITE_ADDR", addr.to_string()).env("DATA_DIR", folder);
    command
        .env("OPENAI_BASE_URL", upstream.base_url())
        .env("CHAT_PROVIDERS", "openai")
        .env("IMAGE_PROVIDERS", "sketch");
    command.env("RATE_LIMIT_PER_MINUTE", "1000").env("CHAT_CACHE", "off").envs(more.iter().copied());
    let _released = Released(command.stdout(Stdio::null()).spawn().unwrap());
    for _ in 0..400 {
        if User::new(addr).get("/healthz").send().await.is_ok() {
            return use_it(addr).await;
        }
        sleep(Duration::from_millis(25)).await;
    }
    panic!("the released program did not start");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes fixtures with the program that RELEASED names"]
async fn make_fixtures() {
    let release = std::env::var("RELEASED_AS").expect("RELEASED_AS is the version, such as 0_2");
    let folder = TempDir::new().unwrap();
    let sqlite = run_released(folder.path(), &[]).await;
    let (whole, dump) = (folder.path().join("whole.db"), folder.path().join("dump.bson"));
    let database = rusqlite::Connection::open(folder.path().join("tessera.db")).unwrap();
    database.execute("VACUUM INTO ?1", [whole.to_str().unwrap()]).unwrap();
    std::fs::write(fixture(&release, "db.gz"), gzip("-9nc", &whole)).unwrap();

    let mongod = Mongod::start(Kind::ReplicaSet).await;
    let (uri, folder) = (mongod.uri(), TempDir::new().unwrap());
    let mongodb = run_released(folder.path(), &[("MONGODB_URI", &uri)]).await;
    let database = Client::with_uri_str(&uri).await.unwrap().default_database().unwrap();
    let mut all = Vec::new();
    let mut names = database.list_collection_names().await.unwrap();
    names.sort();
    for name in names {
        let found = database.run_command(doc! { "listIndexes": &name }).await.unwrap();
        let indexes = found.get_document("cursor").unwrap().get_array("firstBatch").unwrap().clone();
        let mut pieces = vec![doc! { "collection": &name, "indexes": indexes }];
        let mut documents = database.collection::<Document>(&name).find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
        while let Some(document) = documents.try_next().await.unwrap() {
            pieces.push(doc! { "collection": &name, "document": document });
        }
        for piece in pieces {
            piece.to_writer(&mut all).unwrap();
        }
    }
    std::fs::write(&dump, all).unwrap();
    std::fs::write(fixture(&release, "bson.gz"), gzip("-9nc", &dump)).unwrap();
    let told = serde_json::to_string_pretty(&json!({"sqlite": sqlite, "mongodb": mongodb})).unwrap();
    std::fs::write(fixture(&release, "json"), told + "\n").unwrap();
}
