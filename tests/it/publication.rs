//! What was published is paid for, whatever becomes of the row that it stood in.

use std::time::{Duration, Instant};

use mongodb::bson::{self, Document, doc};
use reqwest::Method;
use serde_json::{Value, json};
use tessera::app::stores::Stores;
use tessera::credits::ReleaseReason;
use tessera::credits::server::store::{HoldEnd, HoldId, HoldOutcome, NewHold, WorkKind};
use tessera::platform::ids::{ConversationId, MessageId, UserId};
use tokio::time::sleep;

use crate::contracts;
use crate::image_store::{made, new_image};
use crate::ledger::{ALL, hold_of};
use crate::mongod::{Kind, Mongod};
use crate::support::{EventReader, TestApp, User, answer};

/// Asks for an answer that never ends, and reads all there is of it. Returns where it is, and its watcher.
async fn read_all_but_the_end(user: &User, more: &Value) -> (String, String, EventReader) {
    let mut body = json!({"message": "#tokens=3 #stall"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut events = user.chat_stream(&body).await;
    let (_, start) = events.next_named("start").await;
    for word in ["word1 ", "word2 ", "word3 "] {
        assert_eq!(events.next_named("token").await.1["text"], word);
    }
    let id = |name: &str| start[name].as_str().unwrap().to_owned();
    (id("conversationId"), id("messageId"), events)
}

async fn delete(user: &User, path: &str) -> u16 {
    answer(user.request(Method::DELETE, path)).await.0
}

/// The user's question of a conversation.
async fn question_of(user: &User, conversation: &str) -> Value {
    user.get_json(&format!("/api/conversations/{conversation}")).await.1["data"]["messages"][0]["id"].clone()
}

/// What is available once nothing is held.
async fn available(user: &User) -> Value {
    let begun = Instant::now();
    loop {
        let credits = user.credits().await;
        if credits["held"] == 0 {
            return credits["available"].clone();
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "a hold stays: {credits}");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn user_id(user: &User) -> UserId {
    user.get_json("/api/auth/me").await.1["data"]["id"].as_str().unwrap().parse().unwrap()
}

/// The work of a server that is gone: its price is held, and nobody renews it.
async fn dead(app: &TestApp, user: UserId, kind: WorkKind, amount: i64) -> NewHold {
    let hold = NewHold { kind, lease_until: 1, ..hold_of(user, amount) };
    assert!(matches!(app.state.stores.credits.hold(hold.clone()).await.unwrap(), HoldOutcome::Held { .. }));
    hold
}

/// Every way in which a reply that was read can lose its row, asked at this server or at another.
async fn answers_that_were_read_are_paid_for(vars: &[(&str, &str)]) {
    let vars = [&[("FREE_CREDITS", "100"), ("IMAGE_PROVIDERS", "sketch"), ("CHAT_CACHE", "shared")], vars].concat();
    let app = TestApp::start_with(&vars).await;
    let beside = app.start_beside(&vars).await;
    let user = app.user().await;
    for there in [user.clone(), user.at(beside.addr)] {
        let before = available(&user).await.as_i64().unwrap();
        let paid = async |credits: i64| assert_eq!(available(&user).await, json!(before - credits));

        // Its conversation is deleted; whoever watches is told what was charged.
        let (conversation, _, events) = read_all_but_the_end(&user, &json!({})).await;
        assert_eq!(delete(&there, &format!("/api/conversations/{conversation}")).await, 200);
        paid(1).await;
        let (_, last) = events.rest().await;
        let told: Value = serde_json::from_str(&last.data).unwrap();
        assert_eq!((last.event.as_str(), &told["credits"]), ("done", &json!(1)), "{told}");

        // The budget of a key too.
        let program = user.with_key(&json!({"budget": 1})).await;
        let (conversation, ..) = read_all_but_the_end(&program, &json!({})).await;
        assert_eq!(delete(&there, &format!("/api/conversations/{conversation}")).await, 200);
        paid(2).await;
        assert_eq!(program.chat("one more").await.1["code"], "insufficient_credits");

        // Its question is replaced: by another that is answered, by one that was answered before, and by an image.
        assert_eq!(there.chat("asked before").await.0, 200);
        for (message, credits, cached) in [("another", 1, false), ("asked before", 0, true), ("/image a fox", 2, false)]
        {
            let (before, message) = (available(&user).await.as_i64().unwrap(), format!("{message} "));
            let (conversation, ..) = read_all_but_the_end(&user, &json!({})).await;
            let replaces = question_of(&user, &conversation).await;
            let body = json!({"message": message, "conversationId": conversation, "replaces": replaces});
            let (status, answer) = there.post_json("/api/chat", &body).await;
            assert_eq!((status, &answer["data"]["cached"]), (200, &json!(cached)), "{answer}");
            assert_eq!(available(&user).await, json!(before - 1 - credits), "{message}");
            // So that it is a new question at the other server.
            assert_eq!(delete(&there, &format!("/api/conversations/{conversation}")).await, 200);
        }

        // What nobody has read yet is free.
        let before = available(&user).await;
        let mut events = user.chat_stream(&json!({"message": "#tokens=0 #stall"})).await;
        let conversation = events.next_named("start").await.1["conversationId"].as_str().unwrap().to_owned();
        assert_eq!(delete(&there, &format!("/api/conversations/{conversation}")).await, 200);
        assert_eq!(available(&user).await, before);
        // Nothing else that is under way is touched by somebody's wish that is none.
        let (conversation, reply, events) = read_all_but_the_end(&user, &json!({})).await;
        let body = json!({"message": "x", "conversationId": conversation, "replaces": reply});
        assert_eq!(there.post_json("/api/chat", &body).await.0, 404);
        assert_eq!(delete(&app.user().await, &format!("/api/conversations/{conversation}")).await, 404);
        assert_eq!(user.get_json(&format!("/api/chat/{reply}")).await.1["data"]["state"], "running");
        assert_eq!(user.post_json(&format!("/api/chat/{reply}/stop"), &json!({})).await.0, 200);
        assert_eq!(events.rest().await.1.event, "done");
    }
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_were_read_are_paid_for_over_sqlite() {
    Box::pin(answers_that_were_read_are_paid_for(&[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_were_read_are_paid_for_over_mongodb() {
    let mongod = Mongod::start(Kind::ReplicaSet).await;
    Box::pin(answers_that_were_read_are_paid_for(&[("MONGODB_URI", &mongod.uri())])).await;
}

/// An image whose server died between storing and charging it can be seen: to delete it is no way round the price.
async fn images_that_can_be_seen_are_paid_for(vars: &[(&str, &str)]) {
    let app = TestApp::start_with(vars).await;
    let user = app.user().await;
    let id = user_id(&user).await;
    let make = async |conversation: Option<ConversationId>| {
        let hold = NewHold { kind: WorkKind::Image, ..hold_of(id, 2) };
        assert!(matches!(app.state.stores.credits.hold(hold.clone()).await.unwrap(), HoldOutcome::Held { .. }));
        let shown_in = conversation.map(|conversation| (conversation, MessageId::now_v7()));
        let new = tessera::images::server::store::NewImage { id: hold.id.into(), shown_in, ..new_image(id, "a fox") };
        assert!(app.state.stores.images.begin(new.clone()).await.unwrap());
        assert!(app.state.stores.images.finish(made(&new)).await.unwrap());
        hold.id
    };
    let image = make(None).await;
    assert_eq!(delete(&user, &format!("/api/images/{image}")).await, 200);
    assert_eq!(available(&user).await, 8);
    let image = make(None).await;
    assert_eq!(user.post_json("/api/images/delete", &json!({"ids": [image]})).await.0, 200);
    assert_eq!(available(&user).await, 6);
    let conversation = user.chat("hello").await.1["data"]["conversationId"].as_str().unwrap().to_owned();
    make(Some(conversation.parse().unwrap())).await;
    assert_eq!(delete(&user, &format!("/api/conversations/{conversation}")).await, 200);
    assert_eq!(available(&user).await, 3);
    make(None).await;
    assert_eq!(app.state.images.delete_of_user(id).await.unwrap(), 1);
    assert_eq!(available(&user).await, 1);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_can_be_seen_are_paid_for_over_sqlite() {
    images_that_can_be_seen_are_paid_for(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_can_be_seen_are_paid_for_over_mongodb() {
    let mongod = Mongod::start(Kind::Standalone).await;
    images_that_can_be_seen_are_paid_for(&[("MONGODB_URI", &mongod.uri())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_an_image_in_the_making_stops_it_free() {
    let fake = crate::fake_replicate::FakeReplicate::start().await;
    let app = crate::image_failures::app_with(&fake, &[]).await;
    let user = app.user().await;
    let (_, ordered) = user.order_image("#never").await;
    let id = ordered["data"]["id"].as_str().unwrap();
    assert_eq!(delete(&user, &format!("/api/images/{id}")).await, 200);
    assert_eq!(available(&user).await, 10);
    assert_eq!(user.ledger_kinds().await, ["grant", "hold", "release"]);
    app.assert_books_balance().await;
}

/// Where the row is gone and nobody lives who knows the text, it counts what was written down before the first word left.
async fn the_sweeper_decides_by_what_was_published(vars: &[(&str, &str)]) {
    let app = TestApp::start_with(vars).await;
    let user = app.user().await;
    let id = user_id(&user).await;
    for kind in [WorkKind::Chat, WorkKind::Image] {
        let (read, unread) = (dead(&app, id, kind, 1).await, dead(&app, id, kind, 3).await);
        app.state.stores.credits.mark_published(HoldId { id: read.id, owner: id.into() }).await.unwrap();
        let before = user.credits().await["available"].as_i64().unwrap();
        assert_eq!(available(&user).await, json!(before + 3), "{kind:?} {}", unread.id);
    }
    let (_, page) = user.get_json("/api/credits/ledger").await;
    assert_eq!(page["data"]["items"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "settle").count(), 2);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweeper_decides_by_what_was_published_over_sqlite() {
    the_sweeper_decides_by_what_was_published(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweeper_decides_by_what_was_published_over_mongodb() {
    let mongod = Mongod::start(Kind::Standalone).await;
    the_sweeper_decides_by_what_was_published(&[("MONGODB_URI", &mongod.uri())]).await;
}

/// What the audit says of work that was published, and given back for each of the reasons that there are.
async fn the_audit_sees_what_was_published_and_not_charged(stores: &Stores) {
    let (credits, user) = (&stores.credits, UserId::now_v7());
    let end = async |is_published: bool, end: HoldEnd, reason: Option<ReleaseReason>| {
        let hold = hold_of(user, 1);
        let held = hold.held();
        credits.hold(hold).await.unwrap();
        if is_published {
            credits.mark_published(held.hold_id()).await.unwrap();
        }
        credits.end_hold(&held, end, reason).await.unwrap().unwrap();
        let drifts = credits.audit().await.unwrap().drifts;
        drifts.iter().filter(|drift| drift.owner == user.into() && drift.problem.contains(&held.id.to_string())).count()
    };
    assert_eq!(end(true, ALL, None).await, 0);
    assert_eq!(end(true, HoldEnd::Release, None).await, 1);
    for reason in ReleaseReason::ALL {
        assert_eq!(end(false, HoldEnd::Release, Some(reason)).await, 0, "{reason:?}");
        let found = end(true, HoldEnd::Release, Some(reason)).await;
        assert_eq!(found, usize::from(!reason.excuses_published()), "{reason:?}");
    }
    // Entries leave the account for the ledger's own collection, and are seen there.
    for _ in 0..40 {
        end(false, HoldEnd::Release, Some(ReleaseReason::Failed)).await;
    }
    let drifts = credits.audit().await.unwrap().drifts;
    let unpaid = ReleaseReason::ALL.iter().filter(|reason| !reason.excuses_published()).count();
    assert_eq!(drifts.len(), 1 + unpaid, "{drifts:#?}");
    assert!(drifts.iter().all(|drift| drift.problem.contains("published and not charged")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_sees_what_was_published_and_not_charged_over_sqlite() {
    let fixture = contracts::open(None).await;
    the_audit_sees_what_was_published_and_not_charged(&fixture.stores).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_sees_what_was_published_and_not_charged_over_mongodb() {
    let server = Mongod::start(Kind::Standalone).await;
    let fixture = contracts::open(Some(&server)).await;
    the_audit_sees_what_was_published_and_not_charged(&fixture.stores).await;
}

/// As after a step-down that took a settlement along, which nobody waits for: the account is as it was before it, and the reply is
/// stored with what it costs.
#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_that_was_lost_is_made_again_before_the_reply_goes_or_by_the_sweeper() {
    let mongod = Mongod::start(Kind::ReplicaSet).await;
    let uri = mongod.uri();
    let app = TestApp::start_with(&[("MONGODB_URI", &uri), ("FREE_CREDITS", "10")]).await;
    let client = mongodb::Client::with_uri_str(&uri).await.unwrap();
    let accounts = client.default_database().unwrap().collection::<Document>("accounts");
    for is_deleted in [true, false] {
        let user = app.user().await;
        let own = doc! { "_id": bson::Uuid::parse_str(user_id(&user).await.to_string()).unwrap() };
        let mut events = user.chat_stream(&json!({"message": "#tokens=2 #pause=400"})).await;
        let (_, start) = events.next_named("start").await;
        events.next_named("token").await;
        let before = accounts.find_one(own.clone()).await.unwrap().unwrap();
        let (_, done) = events.rest().await;
        assert_eq!(done.event, "done", "{}", done.data);
        assert_eq!(user.credits().await["held"], 0);
        accounts.replace_one(own.clone(), before).await.unwrap();
        assert_eq!(user.credits().await["held"], 1);
        if is_deleted {
            let conversation = start["conversationId"].as_str().unwrap();
            assert_eq!(delete(&user, &format!("/api/conversations/{conversation}")).await, 200);
            assert_eq!(user.credits().await["held"], 0, "it is settled before its row is gone");
        } else {
            accounts.update_one(own, doc! { "$set": { "open.0.leaseUntil": 1_i64 } }).await.unwrap();
        }
        assert_eq!(available(&user).await, 9);
        assert_eq!(user.ledger_kinds().await, ["grant", "hold", "settle"]);
    }
    app.assert_books_balance().await;
}
