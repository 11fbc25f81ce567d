//! Taking everything along and erasing everything: what is in the archive, what is left of whoever leaves, and what goes on when
//! something is in the way.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use rusqlite::types::ValueRef;
use serde_json::{Value, json};
use tessera::account::Role;
use tessera::account::server::oidc::store::Identity;
use tessera::app::config::Config;
use tessera::app::stores::Stores;
use tessera::chat::Message;
use tessera::chat::server::store::{ConversationFilter, NewExchange};
use tessera::credits::server::budgets::BudgetPlan;
use tessera::credits::server::leaving::ERASED;
use tessera::credits::server::store::{HoldEnd, Idempotency, NewHold};
use tessera::leaving::server::store::{Leaving, LeavingKind, Piece};
use tessera::platform::ids::{AttemptId, ConversationId, IdentityId, MessageId, RunId, UserId, WorkId};
use tessera::platform::secret::hash_secret;
use tessera::usage::{Attempt, Outcome};
use tokio::time::sleep;
use uuid::Uuid;
use zip::ZipArchive;

use crate::avatars::set_avatar;
use crate::contracts::over_every_store;
use crate::fake_openai::FakeOpenAi;
use crate::ledger::hold_of;
use crate::mongod::{Kind, Mongod};
use crate::program::{Program, variables};
use crate::s3_server::{BUCKET, S3Server};
use crate::stores::{exchange, new_user, next, say};
use crate::support::{PASSWORD, PNG_URL, TestApp, User, answer};

/// Words that nobody but whoever leaves has ever said.
const WORD: &str = "zanzibarquokka";

fn leaving(user: UserId, kind: LeavingKind, look_at: Option<i64>, free_at: i64) -> Leaving {
    Leaving { user, kind, run: RunId::now_v7(), look_at, free_at, receipt: None, body: "{}".to_owned() }
}

over_every_store! {
    async fn of_a_kind_one_begins_at_a_time(stores) {
        let (user, other, store) = (new_user(&stores).await, new_user(&stores).await, stores.leavings);
        let receipt = hash_secret("receipt");
        let first = Leaving { receipt: Some(receipt), ..leaving(user, LeavingKind::Export, Some(10), 100) };
        assert!(store.begin(first.clone(), 5).await.unwrap());
        assert!(store.begin(leaving(user, LeavingKind::Erasure, Some(10), 100), 5).await.unwrap());
        assert!(store.begin(leaving(other, LeavingKind::Export, Some(10), 100), 5).await.unwrap());
        // It goes on, whatever the time is.
        assert!(!store.begin(leaving(user, LeavingKind::Export, Some(10), 100), 500).await.unwrap());
        assert_eq!(store.find(user, LeavingKind::Export).await.unwrap(), Some(first.clone()));
        assert_eq!(store.find_by_receipt(receipt).await.unwrap(), Some(first.clone()));
        assert_eq!(store.find_by_receipt(hash_secret("another")).await.unwrap(), None);
        let ended = Leaving { look_at: None, body: "ended".into(), ..first };
        assert!(store.save(ended.clone()).await.unwrap());
        assert_eq!(store.find(user, LeavingKind::Export).await.unwrap(), Some(ended));
        assert!(!store.begin(leaving(user, LeavingKind::Export, Some(10), 100), 99).await.unwrap());
        let next = leaving(user, LeavingKind::Export, Some(10), 200);
        assert!(store.begin(next.clone(), 100).await.unwrap());
        assert_eq!(store.find(user, LeavingKind::Export).await.unwrap(), Some(next));
        store.delete(user, LeavingKind::Export).await.unwrap();
        assert_eq!(store.find(user, LeavingKind::Export).await.unwrap(), None);
        assert!(store.find(user, LeavingKind::Erasure).await.unwrap().is_some());
    }

    async fn one_try_at_a_time_goes_on(stores) {
        let (user, later, store) = (new_user(&stores).await, new_user(&stores).await, stores.leavings);
        let kind = LeavingKind::Erasure;
        store.begin(leaving(later, kind, Some(20), 0), 0).await.unwrap();
        store.begin(leaving(user, kind, Some(10), 0), 0).await.unwrap();
        store.begin(leaving(user, LeavingKind::Export, Some(1), 0), 0).await.unwrap();
        let claim = |now: i64| {
            let store = store.clone();
            async move { store.claim(kind, now, RunId::now_v7(), now + 100).await.unwrap() }
        };
        assert_eq!(claim(9).await, None);
        let claimed = claim(30).await.unwrap();
        assert_eq!((claimed.user, claimed.look_at), (user, Some(130)), "it has waited longest");
        let many = futures::future::join_all((0..8).map(|_| claim(30))).await;
        let mut many: Vec<_> = many.into_iter().flatten().map(|claimed| claimed.user).collect();
        assert_eq!(many.pop(), Some(later));
        assert_eq!(many, []);
        assert!(store.renew(user, kind, claimed.run, 500).await.unwrap());
        assert_eq!(claim(130).await.map(|claimed| claimed.user), Some(later), "the other is alive");
        // Nobody has heard of it since.
        let next = claim(501).await.unwrap();
        let next = if next.user == user { next } else { claim(501).await.unwrap() };
        assert_ne!(next.run, claimed.run);
        assert!(!store.save(claimed.clone()).await.unwrap());
        assert!(!store.renew(user, kind, claimed.run, 900).await.unwrap());
        assert!(store.save(Leaving { look_at: None, ..next.clone() }).await.unwrap());
        assert!(!store.renew(user, kind, next.run, 900).await.unwrap(), "it has ended");
        store.delete(user, kind).await.unwrap();
        assert!(!store.save(next).await.unwrap());
    }

    async fn pieces_belong_to_their_try_and_go_with_their_user_or_their_time(stores) {
        let (user, other, store) = (new_user(&stores).await, new_user(&stores).await, stores.leavings);
        let (slow, next, others) = (RunId::now_v7(), RunId::now_v7(), RunId::now_v7());
        for (user, run, expires_at) in [(user, slow, 100), (user, next, 100), (other, others, 200)] {
            for number in 0..40 {
                let bytes = Bytes::from(format!("{run} {number}"));
                store.put_piece(Piece { user, run, number, expires_at, bytes }).await.unwrap();
            }
        }
        assert_eq!(store.find_piece(next, 7).await.unwrap(), Some(Bytes::from(format!("{next} 7"))));
        assert_eq!(store.find_piece(next, 40).await.unwrap(), None);
        store.delete_pieces(user, Some(next)).await.unwrap();
        assert_eq!(store.find_piece(slow, 7).await.unwrap(), None);
        assert!(store.find_piece(next, 39).await.unwrap().is_some());
        store.delete_expired(99).await.unwrap();
        assert!(store.find_piece(next, 39).await.unwrap().is_some());
        store.delete_expired(100).await.unwrap();
        assert_eq!(store.find_piece(next, 39).await.unwrap(), None);
        store.delete_pieces(user, None).await.unwrap();
        assert!(store.find_piece(others, 0).await.unwrap().is_some());
    }

    async fn who_had_their_welcome_is_remembered_for_a_time(stores) {
        let (store, hash) = (stores.accounts, hash_secret);
        assert!(!store.is_welcomed(Vec::new(), 0).await.unwrap());
        store.keep_welcomed(vec![hash("a"), hash("b")], 100).await.unwrap();
        store.keep_welcomed(vec![hash("b")], 50).await.unwrap();
        assert!(store.is_welcomed(Vec::new(), 99).await.unwrap());
        assert!(store.is_welcomed(vec![hash("c"), hash("b")], 99).await.unwrap());
        assert!(!store.is_welcomed(vec![hash("c")], 99).await.unwrap());
        assert!(!store.is_welcomed(vec![hash("a")], 100).await.unwrap());
        store.forget_welcomed(100).await.unwrap();
        assert!(!store.is_welcomed(Vec::new(), 0).await.unwrap());
    }

    async fn an_account_that_is_opened_empty_stays_so(stores) {
        let user = new_user(&stores).await;
        for _ in 0..2 {
            stores.credits.open_empty(user.into(), "r").await.unwrap();
        }
        assert!(stores.credits.balance(user.into(), "r").await.unwrap().available.is_zero());
        let other = new_user(&stores).await;
        let before = stores.credits.balance(other.into(), "r").await.unwrap();
        assert!(before.available.is_positive());
        stores.credits.open_empty(other.into(), "r").await.unwrap();
        assert_eq!(stores.credits.balance(other.into(), "r").await.unwrap(), before);
    }

    async fn what_was_said_is_read_whole_in_all_versions_and_deleted_whole(stores) {
        let (user, other, chats) = (new_user(&stores).await, new_user(&stores).await, stores.chats.clone());
        let first = say(&stores, exchange(user, "one"), "1").await;
        say(&stores, NewExchange { replaces: Some(first.message_id), ..next(&first, "two") }, "2").await;
        let second = say(&stores, exchange(user, "three"), "3").await;
        say(&stores, NewExchange { hidden: true, ..exchange(user, "four") }, "4").await;
        let theirs = say(&stores, exchange(other, "five"), "5").await;
        let said = |messages: Vec<Message>| messages.into_iter().map(|message| message.content).collect::<Vec<_>>();
        let ids = chats.list_ids(user, ConversationId::min(), 10).await.unwrap();
        assert_eq!(ids, [first.conversation, second.conversation]);
        assert_eq!(chats.list_ids(user, ConversationId::min(), 1).await.unwrap(), [first.conversation]);
        assert_eq!(chats.list_ids(user, first.conversation, 10).await.unwrap(), [second.conversation]);
        let all = chats.read_all(user, first.conversation, -1, 10).await.unwrap();
        let (places, messages): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        assert_eq!(said(messages), ["one", "1", "two", "2"]);
        let rest = chats.read_all(user, first.conversation, places[1], 1).await.unwrap();
        assert_eq!(said(rest.into_iter().map(|(_, message)| message).collect()), ["two"]);
        assert_eq!(chats.read_all(other, first.conversation, -1, 10).await.unwrap(), []);
        let hidden = chats.read_hidden(user, MessageId::min(), 10).await.unwrap();
        let last = hidden[0].id.parse().unwrap();
        assert_eq!(said(hidden), ["four", "4"]);
        assert_eq!(said(chats.read_hidden(user, last, 10).await.unwrap()), ["4"]);
        while chats.index_pending().await.unwrap() > 0 {}
        for _ in 0..2 {
            chats.delete_of_user(user).await.unwrap();
        }
        assert_eq!(chats.list_ids(user, ConversationId::min(), 10).await.unwrap(), []);
        assert_eq!(chats.read_hidden(user, MessageId::min(), 10).await.unwrap(), []);
        assert_eq!(chats.read_all(user, first.conversation, -1, 10).await.unwrap(), []);
        assert!(chats.find_message(user, first.message_id).await.unwrap().is_none());
        let wanted = ConversationFilter { query: "five".into(), ..ConversationFilter::default() };
        let found = chats.list_conversations(other, &wanted, None, 10).await.unwrap().unwrap();
        assert_eq!(found.items.len(), 1, "the index still has what is others'");
        assert_eq!(said(chats.find_conversation(other, theirs.conversation).await.unwrap().unwrap().messages), ["five", "5"]);
    }

    async fn what_was_asked_of_providers_is_read_by_user(stores) {
        let (user, other) = (UserId::now_v7(), UserId::now_v7());
        let attempts: Vec<_> = [user, other, user, user].into_iter().map(attempt_for).collect();
        stores.attempts.record(attempts.clone()).await.unwrap();
        let own = [&attempts[0], &attempts[2], &attempts[3]].map(Clone::clone);
        let found = stores.attempts.find_of_user(user, AttemptId::min(), 2).await.unwrap();
        assert_eq!(found, own[..2]);
        assert_eq!(stores.attempts.find_of_user(user, found[1].id, 2).await.unwrap(), own[2..]);
        assert_eq!(stores.attempts.find_of_user(UserId::now_v7(), AttemptId::min(), 2).await.unwrap(), []);
    }

    async fn what_a_user_wrote_and_chose_is_forgotten_and_the_books_stay(stores) {
        let user = new_user(&stores).await;
        let idempotency = Idempotency { key: "mine".into(), fingerprint: [7; 32] };
        let hold = NewHold { idempotency: Some(idempotency.clone()), ..hold_of(user, 2) };
        stores.credits.hold(hold.clone()).await.unwrap();
        stores.credits.end_hold(&hold.held(), HoldEnd::Settle(hold.amount), None).await.unwrap();
        let plan = BudgetPlan { time_zone: "Indian/Maldives".into(), budgets: Vec::new() };
        stores.credits.set_budgets(user.into(), user, plan).await.unwrap();
        let ledger = stores.credits.ledger(user.into(), None, 10).await.unwrap();
        assert!(stores.credits.find_key(user.into(), user, &idempotency).await.unwrap().is_some());
        for _ in 0..2 {
            stores.credits.forget_owner(user.into(), user).await.unwrap();
        }
        assert_eq!(stores.credits.find_key(user.into(), user, &idempotency).await.unwrap(), None);
        assert_eq!(stores.credits.budgets(user.into(), user).await.unwrap(), BudgetPlan::default());
        assert!(stores.credits.spending(user.into()).await.unwrap().is_empty());
        assert_eq!(stores.credits.ledger(user.into(), None, 10).await.unwrap(), ledger);
        // It goes on counting.
        stores.credits.hold(hold_of(user, 1)).await.unwrap();
    }

    async fn a_user_who_is_deleted_takes_their_keys_along_and_admins_are_counted(stores) {
        let (user, admin) = (new_user(&stores).await, new_user(&stores).await);
        assert_eq!(stores.accounts.other_admins(user).await.unwrap(), 0);
        let email = stores.accounts.find_user_by_id(admin).await.unwrap().unwrap().email;
        stores.accounts.set_role(&tessera::account::Email::parse(&email).unwrap(), Role::Admin).await.unwrap();
        assert_eq!(stores.accounts.other_admins(user).await.unwrap(), 1);
        assert_eq!(stores.accounts.other_admins(admin).await.unwrap(), 0);
        for _ in 0..2 {
            stores.accounts.delete_user(admin).await.unwrap();
        }
        assert!(stores.accounts.find_user_by_id(admin).await.unwrap().is_none());
        assert!(stores.accounts.find_user_by_id(user).await.unwrap().is_some());
        assert_eq!(stores.accounts.other_admins(user).await.unwrap(), 0);
    }
}

fn attempt_for(user: UserId) -> Attempt {
    Attempt {
        id: AttemptId::now_v7(),
        request_id: "r".into(),
        reply: WorkId::now_v7(),
        user,
        key: None,
        provider: "openai".into(),
        model: "m".into(),
        input_tokens: 1,
        output_tokens: 2,
        is_estimated: false,
        cost_micros: None,
        latency_ms: 3,
        first_token_ms: None,
        outcome: Outcome::Ok,
        price_version: None,
        at: 4,
    }
}

/// Where a server keeps things, past the server.
enum Kept {
    Sqlite(PathBuf),
    Mongo(String),
}

impl Kept {
    fn of(app: &TestApp) -> Self {
        Self::Sqlite(app.data_dir().join("tessera.db"))
    }

    /// All that is stored, by table: each row as its bytes.
    async fn dump(&self) -> Vec<(String, Vec<u8>)> {
        match self {
            Self::Sqlite(path) => dump_sqlite(path),
            Self::Mongo(uri) => dump_mongo(uri).await,
        }
    }

    /// The tables that have this somewhere, in any case.
    async fn tables_with(&self, needle: &[u8]) -> BTreeSet<String> {
        let needle = needle.to_ascii_lowercase();
        let has = |row: &[u8]| row.to_ascii_lowercase().windows(needle.len()).any(|part| part == needle);
        self.dump().await.into_iter().filter(|(_, row)| has(row)).map(|(table, _)| table).collect()
    }
}

fn dump_sqlite(path: &Path) -> Vec<(String, Vec<u8>)> {
    let db = rusqlite::Connection::open(path).unwrap();
    let mut names =
        db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut rows = Vec::new();
    for name in names {
        let mut all = db.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
        let columns = all.column_count();
        let mut found = all.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let mut bytes = Vec::new();
            for column in 0..columns {
                match row.get_ref(column).unwrap() {
                    ValueRef::Text(value) | ValueRef::Blob(value) => bytes.extend_from_slice(value),
                    ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => {}
                }
                bytes.push(0);
            }
            rows.push((name.clone(), bytes));
        }
    }
    rows
}

async fn dump_mongo(uri: &str) -> Vec<(String, Vec<u8>)> {
    let database = mongodb::Client::with_uri_str(uri).await.unwrap().default_database().unwrap();
    let mut rows = Vec::new();
    for name in database.list_collection_names().await.unwrap() {
        let all: Vec<Document> =
            database.collection::<Document>(&name).find(doc! {}).await.unwrap().try_collect().await.unwrap();
        rows.extend(all.into_iter().map(|row| (name.clone(), mongodb::bson::serialize_to_vec(&row).unwrap())));
    }
    rows
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

async fn id_of(user: &User) -> UserId {
    text(&user.get_json("/api/auth/me").await.1["data"]["id"]).parse().unwrap()
}

/// Somebody with something of everything.
async fn somebody(app: &TestApp) -> User {
    let mut user = app.visitor();
    let body = json!({"email": user.email, "password": PASSWORD, "name": "Quirina"});
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let registered = user.post("/api/auth/register").header("user-agent", agent).json(&body).send().await.unwrap();
    assert_eq!(registered.status(), 201);
    user.keep_cookie(&registered);
    let image =
        json!({"message": format!("Look, a {WORD}"), "images": [PNG_URL], "systemPrompt": format!("Be a {WORD}")});
    let (status, seen) = user.post_json("/api/chat", &image).await;
    assert_eq!(status, 200, "{seen}");
    let conversation = text(&seen["data"]["conversationId"]);
    let (_, shown) = user.get_json(&format!("/api/conversations/{conversation}")).await;
    let first = text(&shown["data"]["messages"][0]["id"]);
    // Another version, a branch, a link, a title, a pin.
    let again = json!({"message": format!("No, {WORD} again"), "conversationId": conversation, "replaces": first});
    assert_eq!(user.post_json("/api/chat", &again).await.0, 200);
    let (_, shown) = user.get_json(&format!("/api/conversations/{conversation}")).await;
    let last = text(&shown["data"]["messages"][1]["id"]);
    let branched =
        user.post_json(&format!("/api/conversations/{conversation}/branch"), &json!({"messageId": last})).await;
    assert_eq!(branched.0, 201, "{}", branched.1);
    assert_eq!(answer(user.post(&format!("/api/conversations/{conversation}/share"))).await.0, 200);
    let (_, drawn) = user.chat(&format!("/image a {WORD} at sea")).await;
    assert!(drawn["data"]["messageId"].is_string(), "{drawn}");
    set_avatar(&user).await;
    let (status, made) = user.make_image(&format!("one more {WORD}")).await;
    assert_eq!(status, 200, "{made}");
    let program = user.with_key(&json!({"name": format!("key of a {WORD}")})).await;
    let asked = json!({"model": "tessera", "messages": [{"role": "user", "content": format!("for the API: {WORD}")}]});
    assert_eq!(program.post_json("/v1/chat/completions", &asked).await.0, 200);
    let asked = json!({"model": "tessera", "input": format!("to be kept: {WORD}")});
    assert_eq!(program.post_json("/v1/responses", &asked).await.0, 200);
    let budgets = json!({"timeZone": "Indian/Maldives", "budgets": [{"period": "day", "limit": 90}]});
    let request = user.request(reqwest::Method::PUT, "/api/account/budgets").json(&budgets);
    assert_eq!(answer(request).await.0, 200);
    let profile = [("displayName", "Quirina"), ("theme", "dark"), ("zone", "Indian/Maldives")];
    assert_eq!(user.post_form("/account/profile", &profile).send().await.unwrap().status(), 303);
    let id = id_of(&user).await;
    let identity = Identity {
        id: IdentityId::now_v7(),
        issuer: "https://id.example.org".into(),
        subject: format!("sub-{WORD}-{id}"),
        user: id,
        shown_as: format!("{WORD}@example.net"),
        created_at: 1,
    };
    app.state.stores.identities.add(identity.clone()).await.unwrap();
    app.state.stores.identities.put_aside(hash_secret(&id.to_string()), identity, i64::MAX).await.unwrap();
    let buyer = [("billingName", WORD), ("billingAddress", WORD)];
    let fields = tessera::payments::server::papers::BuyerFields {
        name: buyer[0].1.into(),
        address: buyer[1].1.into(),
        ..Default::default()
    };
    app.state.payments.papers.set_buyer(id, &fields).await.unwrap();
    user
}

/// Makes an archive and waits for it.
pub async fn archive_of(user: &User) -> Vec<u8> {
    let (status, begun) = answer(user.post("/api/account/export")).await;
    assert_eq!(status, 202, "{begun}");
    for _ in 0..300 {
        let (_, export) = user.get_json("/api/account/export").await;
        match export["data"]["state"].as_str().unwrap() {
            "ready" => {
                let response = user.get("/api/account/export/download").send().await.unwrap();
                assert_eq!(response.status(), 200);
                assert_eq!(response.headers()["cache-control"], "private, no-store");
                let bytes = response.bytes().await.unwrap().to_vec();
                assert_eq!(export["data"]["bytes"], bytes.len());
                return bytes;
            }
            "running" => sleep(Duration::from_millis(50)).await,
            other => panic!("{other}"),
        }
    }
    panic!("the archive is not made");
}

/// The files of an archive, by name.
pub fn unpacked(bytes: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let all = (0..archive.len()).map(|at| {
        let mut file = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        (file.name().unwrap().into_owned(), bytes)
    });
    all.collect()
}

/// Asks for everything to be erased. Returns the receipt.
pub async fn erase(user: &User) -> String {
    let (status, begun) = try_to_erase(user, &json!({"email": user.email})).await;
    assert_eq!(status, 202, "{begun}");
    text(&begun["data"]["receipt"])
}

async fn try_to_erase(user: &User, body: &Value) -> (u16, Value) {
    answer(user.request(reqwest::Method::DELETE, "/api/account").json(body)).await
}

pub async fn until_erased(visitor: &User, receipt: &str) {
    for _ in 0..600 {
        let (status, erasure) = visitor.get_json(&format!("/api/account/erasure/{receipt}")).await;
        assert_eq!(status, 200, "{erasure}");
        if erasure["data"]["state"] == "erased" {
            assert_eq!(erasure["data"]["done"], erasure["data"]["steps"]);
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("it is not erased");
}

/// What the examples of the documentation need: an archive of this user, and the receipt of somebody who left.
pub async fn add_examples(app: &TestApp, user: &User) -> String {
    archive_of(user).await;
    erase(&app.user().await).await
}

/// What somebody sees of what is theirs.
async fn seen_by(user: &User) -> Vec<Value> {
    let mut seen = Vec::new();
    for path in
        ["/api/conversations", "/api/images", "/api/credits", "/api/credits/ledger?limit=100", "/api/account/keys"]
    {
        let mut answer = user.get_json(path).await.1;
        answer.as_object_mut().unwrap().remove("requestId");
        seen.push(answer);
    }
    let (conversations, images) = (seen[0]["data"]["items"].clone(), seen[1]["data"]["items"].clone());
    for conversation in conversations.as_array().unwrap() {
        seen.push(user.get_json(&format!("/api/conversations/{}", text(&conversation["id"]))).await.1["data"].take());
    }
    for image in images.as_array().unwrap() {
        let file = user.get(&format!("/api/images/{}/file", text(&image["id"]))).send().await.unwrap();
        assert_eq!(file.status(), 200);
        seen.push(json!(file.bytes().await.unwrap().to_vec()));
    }
    seen
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}

/// What may still name an erased user by their id: nothing that says who it is.
const BY_ID: [&str; 12] = [
    "accounts",
    "attempts",
    "audit_log",
    "auditLog",
    "codeUses",
    "holds",
    "leavings",
    "ledger",
    "payments",
    "published",
    "statistics",
    "subscriptions",
];

/// Everything that was said here, of somebody who leaves: nothing of it is anywhere afterwards, and others have all of theirs.
async fn nothing_is_left(app: &TestApp, kept: &Kept, files: &Path) {
    let (user, other) = (somebody(app).await, somebody_else(app).await);
    let id = id_of(&user).await;
    let names = [user.email.as_bytes(), WORD.as_bytes(), b"Indian/Maldives", b"Quirina"];
    for name in names {
        assert!(!kept.tables_with(name).await.is_empty(), "{}", String::from_utf8_lossy(name));
    }
    archive_of(&user).await;
    let before = seen_by(&other).await;
    let files_before = files_below(files).len();
    let sum_before = sum_of_ledger(app, id).await;
    let receipt = erase(&user).await;
    assert_eq!(user.get_json("/api/auth/me").await.0, 401, "they are out at once");
    until_erased(&app.visitor(), &receipt).await;

    for name in names {
        assert_eq!(kept.tables_with(name).await, BTreeSet::new(), "{}", String::from_utf8_lossy(name));
    }
    let by_id = kept.tables_with(Uuid::from(id).as_bytes()).await;
    assert!(by_id.iter().all(|table| BY_ID.contains(&&**table)), "{by_id:?}");
    assert!(by_id.contains("ledger") || by_id.contains("accounts"), "the books stay: {by_id:?}");
    // One of the other is left, with its thumbnail.
    assert!(files_before > 4 && files_below(files).len() == 2, "{files_before} {:?}", files_below(files));
    assert_eq!(seen_by(&other).await, before);
    // What was spent is as it was; what was left is taken.
    let (spent, taken) = sum_of_ledger(app, id).await;
    assert_eq!((spent, taken), (sum_before.0, -sum_before.0));
    app.assert_books_balance().await;
    if let Kept::Sqlite(path) = kept {
        let on_disk: Vec<u8> = ["", "-wal"]
            .iter()
            .flat_map(|end| std::fs::read(format!("{}{end}", path.display())).unwrap_or_default())
            .collect();
        for name in names {
            assert!(!on_disk.windows(name.len()).any(|part| part == name), "{}", String::from_utf8_lossy(name));
        }
    }
    // Done once more, there is nothing to do.
    let later = app.state.stores.database.now() + 2 * 60 * 60 * 1000;
    assert!(app.state.leaving.erase_due(later).await.unwrap());
    assert!(!app.state.leaving.erase_due(later).await.unwrap());
    assert_eq!(seen_by(&other).await, before);
    // The address is free, and brings no credits once more.
    let mut again = User { cookie: None, ..user.clone() };
    again.register().await;
    assert_eq!(again.credits().await["available"], 0);
    assert!(app.user().await.credits().await["available"].as_i64().unwrap() > 0);
    app.assert_books_balance().await;
}

/// Somebody with a little of everything.
async fn somebody_else(app: &TestApp) -> User {
    let other = app.user().await;
    other.chat("Hello").await;
    assert_eq!(other.make_image("a fox").await.0, 200);
    other.with_key(&json!({})).await;
    other
}

/// The sum of all entries of an account, without what was taken when its user was erased, and that.
async fn sum_of_ledger(app: &TestApp, user: UserId) -> (i64, i64) {
    let page = app.state.stores.credits.ledger(user.into(), None, 1000).await.unwrap().unwrap();
    let (taken, rest): (Vec<_>, Vec<_>) =
        page.items.into_iter().partition(|entry| entry.reason.as_deref() == Some(ERASED));
    let sum = |entries: Vec<tessera::credits::LedgerEntry>| entries.iter().map(|entry| entry.amount.micros()).sum();
    (sum(rest), sum(taken))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_in_sqlite_or_on_the_disk() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "100")]).await;
    let images = app.data_dir().join("images");
    nothing_is_left(&app, &Kept::of(&app), &images).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_in_mongodb_or_a_bucket() {
    let (server, bucket) = (Mongod::start(Kind::ReplicaSet).await, S3Server::start().await);
    let uri = server.uri();
    let vars = [
        ("FREE_CREDITS", "100"),
        ("MONGODB_URI", uri.as_str()),
        ("S3_BUCKET", BUCKET),
        ("S3_ENDPOINT", bucket.url.as_str()),
        ("S3_ACCESS_KEY_ID", "access"),
        ("S3_SECRET_ACCESS_KEY", "hush-hush"),
    ];
    let app = TestApp::start_with(&vars).await;
    nothing_is_left(&app, &Kept::Mongo(uri.clone()), &bucket.folder.path().join(BUCKET)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_has_everything_and_opens_elsewhere() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "100")]).await;
    let user = somebody(&app).await;
    app.state.generation.usage.flush().await;
    let bytes = archive_of(&user).await;
    // Others read it too.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let script =
        "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(len(z.namelist()))";
    let python = std::process::Command::new("python3").args(["-c", script]).arg(file.path()).output().unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    let files = unpacked(bytes);
    assert_eq!(String::from_utf8(python.stdout).unwrap().trim(), files.len().to_string());
    let named = |start: &str, end: &str| -> Vec<&Vec<u8>> {
        files
            .iter()
            .filter(|(name, _)| name.starts_with(start) && name.ends_with(end))
            .map(|(_, bytes)| bytes)
            .collect()
    };
    let one = |name: &str| String::from_utf8(named(name, "")[0].clone()).unwrap();
    let (_, listed) = user.get_json("/api/conversations").await;
    let listed = listed["data"]["items"].as_array().unwrap().len();
    assert_eq!(listed, 3);
    assert_eq!((named("conversations/", ".md").len(), named("conversations/", ".json").len()), (listed, listed));
    for conversation in named("conversations/", ".json") {
        let conversation: Value = serde_json::from_slice(conversation).unwrap();
        let path = format!("/api/conversations/{}", text(&conversation["id"]));
        let shown = user.get_json(&path).await.1["data"].take();
        let said = |of: &Value| -> Vec<(String, String)> {
            let messages = of["messages"].as_array().unwrap().iter();
            messages.map(|message| (text(&message["id"]), text(&message["content"]))).collect()
        };
        assert_eq!(said(&conversation), said(&shown));
    }
    let versions = String::from_utf8(named("conversations/", "-other-versions.jsonl")[0].clone()).unwrap();
    assert!(versions.contains(&format!("Look, a {WORD}")) && versions.lines().count() == 2, "{versions}");
    assert_eq!(named("attachments/", ".png").len(), 1);
    assert!(one("api/messages.jsonl").contains(&format!("for the API: {WORD}")));
    assert!(one("api/responses.jsonl").contains(&format!("to be kept: {WORD}")));
    let (_, images) = user.get_json("/api/images?limit=100").await;
    let images = images["data"]["items"].as_array().unwrap();
    assert_eq!((images.len(), named("images/", ".json").len(), named("images/", ".png").len()), (2, 2, 2));
    for image in images {
        let id = text(&image["id"]);
        let file = user.get(&format!("/api/images/{id}/file")).send().await.unwrap().bytes().await.unwrap();
        assert_eq!(*named(&format!("images/{id}.png"), "")[0], file);
    }
    let entries = app.state.stores.credits.ledger(id_of(&user).await.into(), None, 1000).await.unwrap().unwrap();
    assert_eq!(one("ledger.csv").lines().count(), 1 + entries.items.len());
    assert!(one("usage.csv").lines().count() >= 4);
    for (name, has) in [
        ("README.txt", "one archive"),
        ("account/profile.json", &*user.email),
        ("account/preferences.json", "dark"),
        ("account/budgets.json", "Indian/Maldives"),
        ("account/api-keys.json", WORD),
        ("account/sessions.json", "Firefox on Linux"),
        ("account/identities.json", WORD),
        ("billing.json", WORD),
        ("credits.json", "lots"),
    ] {
        assert!(one(name).contains(has), "{name}: {}", one(name));
    }
    // No secret is in it.
    let cookie = user.cookie.as_deref().unwrap().split_once('=').unwrap().1.as_bytes();
    for (name, bytes) in &files {
        assert!(!bytes.windows(8).any(|part| part == b"$argon2i"), "{name}");
        assert!(!bytes.windows(cookie.len()).any(|part| part == cookie), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_its_owners_for_a_day_and_one_is_made_an_hour() {
    let app = TestApp::start().await;
    let (user, other) = (app.user().await, app.user().await);
    assert_eq!(user.get_json("/api/account/export").await.1["data"]["state"], "none");
    assert_eq!(user.get_json("/api/account/export/download").await.0, 404);
    archive_of(&user).await;
    assert_eq!(other.get_json("/api/account/export/download").await.0, 404);
    let (status, refused) = answer(user.post("/api/account/export")).await;
    assert_eq!((status, &refused["code"]), (429, &json!("rate_limited")));
    assert!(user.get_json("/api/account/export").await.1["data"]["nextAt"].is_string());
    // Another server has it too, as it is in the database.
    let beside = app.start_beside(&[]).await;
    assert_eq!(user.at(beside.addr).get("/api/account/export/download").send().await.unwrap().status(), 200);
    // Who signed in long ago proves once more who they are.
    let id = id_of(&user).await;
    let sessions = app.state.stores.sessions.list(id, 0).await.unwrap();
    app.state.stores.sessions.confirm(sessions[0].token, 1).await.unwrap();
    let (status, refused) = user.get_json("/api/account/export/download").await;
    assert_eq!((status, &refused["field"]), (400, &json!("currentPassword")));
    let wrong =
        user.post_form("/account/export/download", &[("currentPassword", "wrong password")]).send().await.unwrap();
    assert_eq!(wrong.headers()["location"], "/account?said=wrong-password#your-data");
    let right = user.post_form("/account/export/download", &[("currentPassword", PASSWORD)]).send().await.unwrap();
    assert_eq!(right.headers()["content-type"], "application/zip");
    assert!(unpacked(right.bytes().await.unwrap().to_vec()).len() > 8);
    let page = user.get("/account").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("/account/export/download") && page.contains("/account/erase"));
    // After a day its pieces go.
    app.state.stores.leavings.delete_expired(app.state.stores.database.now() + 25 * 60 * 60 * 1000).await.unwrap();
    assert_eq!(Kept::of(&app).tables_with(b"README.txt").await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_whose_server_died_is_begun_anew_and_given_up_in_the_end() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let id = id_of(&user).await;
    let (store, now) = (app.state.stores.leavings.clone(), app.state.stores.database.now());
    archive_of(&user).await;
    // As a server leaves it that was killed in the middle: a lease that is over, and pieces that nobody reads.
    let left = store.find(id, LeavingKind::Export).await.unwrap().unwrap();
    let dead = RunId::now_v7();
    let body = |tries: u32| {
        left.body.replace("\"ready\"", "\"running\"").replace("\"tries\":1", &format!("\"tries\":{tries}"))
    };
    store.delete(id, LeavingKind::Export).await.unwrap();
    let abandoned = |tries| Leaving { run: dead, look_at: Some(now - 1), body: body(tries), ..left.clone() };
    store
        .put_piece(Piece { user: id, run: dead, number: 0, expires_at: i64::MAX, bytes: Bytes::from("half") })
        .await
        .unwrap();
    assert!(store.begin(abandoned(1), now).await.unwrap());
    let ready = async || {
        for _ in 0..200 {
            let state = text(&user.get_json("/api/account/export").await.1["data"]["state"]);
            if state != "running" {
                return state;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("nobody goes on with it");
    };
    assert_eq!(ready().await, "ready");
    assert_eq!(store.find_piece(dead, 0).await.unwrap(), None);
    let whole = user.get("/api/account/export/download").send().await.unwrap().bytes().await.unwrap();
    assert!(unpacked(whole.to_vec()).len() > 8);
    // One that takes three servers with it is not tried for ever, and can be begun anew.
    store.delete(id, LeavingKind::Export).await.unwrap();
    assert!(store.begin(abandoned(3), now).await.unwrap());
    assert_eq!(ready().await, "failed");
    archive_of(&user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_is_refused_by_name_and_then_changes_nothing() {
    let (app, seller) = TestApp::start_selling(&[("FREE_CREDITS", "100")]).await;
    let user = app.user().await;
    let (status, refused) = try_to_erase(&user, &json!({"email": "somebody@example.org"})).await;
    assert_eq!((status, &refused["field"]), (400, &json!("email")));
    assert_eq!(try_to_erase(&user, &json!({})).await.0, 400);
    let key = user.with_key(&json!({})).await;
    assert_eq!(try_to_erase(&key, &json!({"email": user.email})).await.0, 403);
    // Money that is on its way.
    seller.faults().pending = true;
    let buy = async |user: &User| {
        let (_, bought) = user.post_json("/api/credits/purchase", &json!({"pack": "500"})).await;
        let order = text(&bought["data"]["orderId"]);
        seller.approve(&order);
        user.post_json("/api/credits/capture", &json!({"orderId": order})).await;
        order
    };
    let moving = app.user().await;
    buy(&moving).await;
    let (status, refused) = try_to_erase(&moving, &json!({"email": moving.email})).await;
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")), "{refused}");
    seller.faults().pending = false;
    // Credits that were paid for.
    buy(&user).await;
    let (status, refused) = try_to_erase(&user, &json!({"email": user.email})).await;
    assert_eq!((status, &refused["field"]), (400, &json!("forfeitCredits")), "{refused}");
    assert!(text(&refused["error"]).contains("500"), "{refused}");
    // A subscription that cannot be ended.
    let (_, begun) = user.post_json("/api/credits/subscribe", &json!({"plan": "plus"})).await;
    seller.recurring.approve(&text(&begun["data"]["subscriptionId"]));
    seller.faults().down = true;
    seller.recurring.set_down(true);
    let body = json!({"email": user.email, "forfeitCredits": true});
    let (status, refused) = try_to_erase(&user, &body).await;
    assert_eq!(status, 409, "{refused}");
    assert_eq!(user.get_json("/api/auth/me").await.0, 200);
    assert!(app.state.stores.leavings.find(id_of(&user).await, LeavingKind::Erasure).await.unwrap().is_none());
    // Who signed in long ago proves once more who they are.
    let id = id_of(&user).await;
    for session in app.state.stores.sessions.list(id, 0).await.unwrap() {
        app.state.stores.sessions.confirm(session.token, 1).await.unwrap();
    }
    let (status, refused) = try_to_erase(&user, &body).await;
    assert_eq!((status, &refused["field"]), (400, &json!("currentPassword")));
    let with_password =
        json!({"email": user.email.to_uppercase(), "forfeitCredits": true, "currentPassword": PASSWORD});
    seller.faults().down = false;
    seller.recurring.set_down(false);
    let (status, begun) = try_to_erase(&user, &with_password).await;
    assert_eq!(status, 202, "{begun}");
    until_erased(&app.visitor(), &text(&begun["data"]["receipt"])).await;
    assert!(!app.state.payments.has_subscription(id).await.unwrap());
    assert_eq!(app.state.stores.credits.balance(id.into(), "r").await.unwrap().available.micros(), 0);
    // Receipts stay, and nothing else knows the address.
    assert_eq!(Kept::of(&app).tables_with(user.email.as_bytes()).await, BTreeSet::from(["papers".to_owned()]));
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_paid_for_too_late_takes_no_money() {
    let (app, seller) = TestApp::start_selling(&[]).await;
    let user = app.user().await;
    let (_, bought) = user.post_json("/api/credits/purchase", &json!({"pack": "500"})).await;
    let receipt = erase(&user).await;
    until_erased(&app.visitor(), &receipt).await;
    seller.approve(&text(&bought["data"]["orderId"]));
    app.state.payments.reconcile().await.unwrap();
    assert_eq!(seller.totals(), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_stays_also_of_two_who_leave_at_once() {
    let app = TestApp::start_with(&[("ADMIN_EMAILS", "one@example.org,two@example.org")]).await;
    let mut admins = Vec::new();
    for email in ["one@example.org", "two@example.org"] {
        let mut admin = User { email: email.into(), ..app.visitor() };
        admin.register().await;
        admins.push(admin);
    }
    let (one, two) = (&admins[0], &admins[1]);
    let bodies = (json!({"email": one.email}), json!({"email": two.email}));
    let both = tokio::join!(try_to_erase(one, &bodies.0), try_to_erase(two, &bodies.1));
    let went = [both.0.0, both.1.0].iter().filter(|status| **status == 202).count();
    assert!(went <= 1, "{both:?}");
    let left = if both.0.0 == 202 { two } else { one };
    if went == 0 {
        // Both saw the other going.
        let receipt = erase(two).await;
        until_erased(&app.visitor(), &receipt).await;
    }
    let (status, refused) = try_to_erase(left, &json!({"email": left.email})).await;
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")), "{refused}");
    assert_eq!(left.get_json("/api/auth/me").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_stopped_and_not_stored_afterwards() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "100")]).await;
    let (user, beside) = (app.user().await, app.start_beside(&[]).await);
    let id = id_of(&user).await;
    let mut streams = Vec::new();
    for (n, at) in [app.addr, beside.addr, app.addr].into_iter().enumerate() {
        let body = json!({"message": format!("{WORD} #tokens={n} #stall")});
        let mut events = user.at(at).chat_stream(&body).await;
        events.next_named("start").await;
        streams.push(events);
    }
    // Twice at once, from both servers, and while more is asked for.
    let (one, two) = (user.clone(), user.at(beside.addr));
    let body = json!({"email": user.email});
    let asking = async {
        let mut answers = Vec::new();
        for n in 0..20 {
            answers.push(two.chat(&format!("{WORD} {n}")).await.0);
        }
        answers
    };
    let (first, second, answers) = tokio::join!(try_to_erase(&one, &body), try_to_erase(&two, &body), asking);
    let mut begun = [&first, &second].into_iter().filter(|(status, _)| *status == 202);
    let (_, begun) = begun.next().filter(|_| begun.next().is_none()).unwrap_or_else(|| panic!("{first:?} {second:?}"));
    assert!(answers.iter().all(|status| [200, 401, 402, 404, 409, 503].contains(status)), "{answers:?}");
    until_erased(&app.visitor(), &text(&begun["data"]["receipt"])).await;
    let later = app.state.stores.database.now() + 2 * 60 * 60 * 1000;
    assert!(app.state.leaving.erase_due(later).await.unwrap());
    assert_eq!(app.state.stores.credits.open_holds(id.into()).await.unwrap(), []);
    assert_eq!(Kept::of(&app).tables_with(WORD.as_bytes()).await, BTreeSet::new());
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_deleted_is_tried_again_and_seen() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "100")]).await;
    let user = app.user().await;
    let (_, made) = user.make_image("a fox").await;
    let id = text(&made["data"]["id"]);
    let file = files_below(&app.data_dir().join("images")).into_iter().find(|path| path.ends_with(format!("{id}.png")));
    let file = file.unwrap();
    // A folder in its place, which is not deleted as a file.
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let receipt = erase(&user).await;
    let failures = async || {
        let metrics = app.visitor().get("/metrics").send().await.unwrap().text().await.unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix("tessera_erasure_failures_total "));
        line.map_or(0, |count| count.parse().unwrap())
    };
    for _ in 0..200 {
        if failures().await > 0 {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert!(failures().await > 0);
    let (_, erasure) = app.visitor().get_json(&format!("/api/account/erasure/{receipt}")).await;
    assert_eq!(erasure["data"]["state"], "running");
    assert_eq!(user.get_json("/api/auth/me").await.0, 401);
    std::fs::remove_dir(&file).unwrap();
    // By itself it is tried again a few seconds later.
    app.state.leaving.erase_due(app.state.stores.database.now() + 60_000).await.unwrap();
    until_erased(&app.visitor(), &receipt).await;
    assert_eq!(files_below(&app.data_dir().join("images")), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_it_goes_on_after_a_restart() {
    let upstream = FakeOpenAi::start().await;
    let mut server = Program::start(variables(&upstream, &[("RUST_LOG", "off")])).await;
    let mut user = User::new(server.addr);
    user.register().await;
    assert_eq!(user.chat(WORD).await.0, 200);
    assert_eq!(user.make_image("a fox").await.0, 200);
    // A folder in the place of a picture: as far as that it gets, and no further.
    let pictures = server.data_dir().join("images");
    let file =
        files_below(&pictures).into_iter().find(|path| path.extension().is_some_and(|end| end == "png")).unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let receipt = erase(&user).await;
    let kept = Kept::Sqlite(server.data_dir().join("tessera.db"));
    for _ in 0..200 {
        if kept.tables_with(WORD.as_bytes()).await.is_empty() {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    server.kill();
    assert_eq!(kept.tables_with(WORD.as_bytes()).await, BTreeSet::new());
    assert!(kept.tables_with(user.email.as_bytes()).await.contains("users"), "the account goes last");
    std::fs::remove_dir(&file).unwrap();
    server.restart().await;
    assert_eq!(user.get_json("/api/auth/me").await.0, 401, "they stay out");
    assert_eq!(user.post_json("/api/auth/login", &json!({"email": user.email, "password": PASSWORD})).await.0, 403);
    until_erased(&User::new(server.addr), &receipt).await;
    assert_eq!(kept.tables_with(user.email.as_bytes()).await, BTreeSet::new());
    assert_eq!(files_below(&pictures), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_conversation_is_never_in_memory_as_a_whole() {
    const EXCHANGES: usize = 1600;
    let upstream = FakeOpenAi::start().await;
    let server = Program::start(variables(&upstream, &[])).await;
    let mut user = User::new(server.addr);
    user.register().await;
    let id = id_of(&user).await;
    let vars = [("DATA_DIR".to_owned(), server.data_dir().to_str().unwrap().to_owned())];
    let stores = Stores::open(&Config::from_vars(&vars.into()).unwrap()).await.unwrap();
    let long: String = (0..40_000_u32).map(|n| char::from(b'a' + u8::try_from(n * n / 3 % 26).unwrap())).collect();
    let mut last = say(&stores, exchange(id, "one"), &long).await;
    for _ in 1..EXCHANGES {
        last = say(&stores, next(&last, &long), &long).await;
    }
    let before = server.peak_memory();
    let bytes = archive_of(&user).await;
    let grown = server.peak_memory().saturating_sub(before);
    let said: usize = unpacked(bytes)
        .iter()
        .filter(|(name, _)| {
            name.starts_with("conversations/") && Path::new(name).extension().is_some_and(|kind| kind == "json")
        })
        .map(|(_, json)| {
            let conversation: Value = serde_json::from_slice(json).unwrap();
            conversation["messages"].as_array().unwrap().len()
        })
        .sum();
    assert_eq!(said, 2 * EXCHANGES);
    assert!(grown < 2 * EXCHANGES * long.len() / 2, "{grown} bytes for {}", 2 * EXCHANGES * long.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_lead_through_without_a_script() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "100")]).await;
    let user = app.user().await;
    let begun = user.post_form("/account/export", &[]).send().await.unwrap();
    assert_eq!(begun.headers()["location"], "/account?said=export-started#your-data");
    let page = user.get("/account/erase").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("name=\"email\"") && page.contains("100") && !page.contains("<script"), "{page}");
    let wrong = user.post_form("/account/erase", &[("email", "not it")]).send().await.unwrap();
    assert_eq!(wrong.status(), 400);
    let wrong = wrong.text().await.unwrap();
    assert!(wrong.contains("aria-invalid=\"true\"") && wrong.contains("not it"), "{wrong}");
    let gone = user.post_form("/account/erase", &[("email", &user.email)]).send().await.unwrap();
    assert_eq!(gone.status(), 303);
    let cookies: Vec<_> = gone.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(cookies.iter().any(|cookie| cookie.contains("session=;")), "{cookies:?}");
    assert_eq!(gone.headers()["clear-site-data"], "\"storage\"");
    let path = gone.headers()["location"].to_str().unwrap().to_owned();
    let receipt = path.strip_prefix("/erasure/").unwrap();
    until_erased(&app.visitor(), receipt).await;
    let page = app.visitor().get(&path).send().await.unwrap();
    assert!(page.headers().get("refresh").is_none());
    assert!(page.text().await.unwrap().contains("are gone"));
    assert_eq!(app.visitor().get("/erasure/none").send().await.unwrap().status(), 404);
    assert_eq!(user.get("/account").send().await.unwrap().status(), 303);
}

/// Whoever adds a table says what becomes of it when its user leaves.
#[tokio::test]
async fn every_table_has_its_row_in_the_documentation() {
    let app = TestApp::start().await;
    let db = rusqlite::Connection::open(app.data_dir().join("tessera.db")).unwrap();
    let mut names = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    // What a virtual table is made of is named after it.
    let own = |name: &&String| {
        !name.starts_with("sqlite_") && !name.starts_with("search_")
            || *name == "search_documents"
            || *name == "search_pending"
    };
    let mut kept: BTreeSet<String> = names.iter().filter(own).cloned().collect();
    assert!(kept.len() > 20, "{kept:?}");
    let mut sources = Vec::new();
    crate::floors::sources(Path::new("src"), &mut sources);
    for source in sources {
        let code = std::fs::read_to_string(&source).unwrap();
        for (_, rest) in code.match_indices(".collection").map(|(at, _)| code[at..].split_at(11)) {
            let Some(name) = rest.split_once("(\"").filter(|(before, _)| before.len() < 40 && !before.contains('('))
            else {
                continue;
            };
            kept.insert(name.1.split('"').next().unwrap().to_owned());
        }
    }
    assert!(kept.contains("attachmentFiles") && kept.contains("papers"), "{kept:?}");
    let docs = std::fs::read_to_string("docs/SECURITY.md").unwrap();
    let (_, section) = docs.split_once("## What is kept of users").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let told: BTreeSet<String> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .filter(|name| !name.contains([':', '/', '.']))
        .collect();
    let missing: Vec<_> = kept.difference(&told).collect();
    let gone: Vec<_> = told.difference(&kept).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not told of: {missing:?}; not there: {gone:?}");
}
