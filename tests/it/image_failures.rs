//! Images that go wrong at the provider, on the way, in storage, or because the server is killed: one charge or none, one
//! file or none.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tessera::app::config::Config;
use tessera::app::stores::{Stores, build_storage};
use tessera::images::server::garbage::{clean, take_inventory};
use tessera::platform::db::now_millis;
use tessera::platform::ids::UserId;
use tessera::platform::time::DAY;
use tokio::time::sleep;

use crate::fake_cloudinary::FakeCloudinary;
use crate::fake_openai::FakeOpenAi;
use crate::fake_replicate::{FakeReplicate, TOKEN, WEBHOOK_SECRET};
use crate::program::{Program, variables};
use crate::s3_server::{BUCKET, S3Server};
use crate::support::{TestApp, User, answer, assert_audit_is_clean};

fn replicate(fake: &FakeReplicate) -> Vec<(&str, &str)> {
    vec![("REPLICATE_API_TOKEN", TOKEN), ("REPLICATE_BASE_URL", &fake.url), ("IMAGE_PROVIDERS", "replicate")]
}

/// With Replicate as the only provider, and these variables.
pub async fn app_with(fake: &FakeReplicate, more: &[(&str, &str)]) -> TestApp {
    TestApp::start_with(&[&replicate(fake), more].concat()).await
}

/// Nothing was charged, nothing is held, no file is left.
async fn assert_free(app: &TestApp, user: &User, credits: i64) {
    assert_eq!((&user.credits().await["available"], &user.credits().await["held"]), (&json!(credits), &json!(0)));
    app.clean_up().await;
    assert_eq!(app.count_files().await, 0);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_replicate_does_wrong_is_free_and_leaves_nothing() {
    let fake = FakeReplicate::start().await;
    let app = app_with(&fake, &[]).await;
    for (prompt, status, code) in [
        ("#end=failed", 502, "provider_failed"),
        ("#end=canceled", 502, "provider_failed"),
        ("#polls=2 #end=aborted", 502, "provider_failed"),
        ("#nsfw", 422, "content_blocked"),
        ("#status=401", 502, "provider_failed"),
        ("#status=402", 502, "provider_failed"),
        ("#status=404", 502, "provider_failed"),
        ("#status=422", 502, "provider_failed"),
        ("#status=429", 429, "rate_limited"),
        ("#status=500", 502, "provider_failed"),
        ("#status=302", 502, "provider_failed"),
        ("#lost", 502, "provider_failed"),
        ("#output=none", 502, "provider_failed"),
        ("#output=empty", 502, "provider_failed"),
        ("#output=object", 502, "provider_failed"),
        ("#output=removed", 502, "provider_failed"),
        ("#output=other", 502, "provider_failed"),
        ("#output=private", 502, "provider_failed"),
        ("#output=http", 502, "provider_failed"),
        ("#output=data", 502, "provider_failed"),
        ("#file=html", 502, "provider_failed"),
        ("#file=svg", 502, "provider_failed"),
        ("#file=gif", 502, "provider_failed"),
        ("#file=wrong-type", 502, "provider_failed"),
        ("#file=short", 502, "provider_failed"),
        ("#file=giant", 502, "provider_failed"),
        ("#file=endless", 502, "provider_failed"),
        ("#file=huge", 502, "provider_failed"),
        ("#file=redirect", 502, "provider_failed"),
        ("#file=gone", 502, "provider_failed"),
    ] {
        let user = app.user().await;
        let (found, refused) = user.make_image(prompt).await;
        assert_eq!((found, &refused["code"]), (status, &json!(code)), "{prompt}: {refused}");
        let image = &user.images().await[0];
        assert_eq!((image.status.as_str(), image.error_code.as_deref(), image.credits), ("failed", Some(code), 0));
        let (name, told) = user.await_image(&image.id).await;
        assert_eq!(
            (name.as_str(), &told["code"], &told["charged"]),
            ("error", &json!(code), &json!(false)),
            "{prompt}"
        );
        assert_eq!(user.ledger_kinds().await, ["grant", "hold", "release"]);
        assert_free(&app, &user, 10).await;
    }
    assert_eq!((fake.count(|seen| &seen.leaks), fake.count(|seen| &seen.strays)), (0, 0));
    assert!(fake.count(|seen| &seen.poured) < 128 * 1024 * 1024, "endless files are not read for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_replicate_does_in_the_end_is_one_image_and_one_charge() {
    let fake = FakeReplicate::start().await;
    let app = app_with(&fake, &[("REPLICATE_MODEL", "black-forest-labs/flux-schnell")]).await;
    for prompt in
        ["a fox", "#polls=3 an owl", "#early a cat", "#down=2 #polls=1 a dog", "#file=jpeg a hen", "#output=text a bee"]
    {
        let user = app.user().await;
        let (status, made) = user.make_image(prompt).await;
        assert_eq!(
            (status, &made["data"]["provider"], &made["data"]["isAi"]),
            (200, &json!("replicate"), &json!(true)),
            "{made}"
        );
        assert_eq!(user.ledger_kinds().await, ["grant", "hold", "settle"]);
        assert_eq!(user.credits().await["available"], 8);
        let (_, asked) = fake.last();
        assert_eq!(asked.body["input"]["aspect_ratio"], "21:9");
        assert_eq!(asked.prefer, None);
    }
    assert_eq!((fake.count(|seen| &seen.creates), app.count_files().await), (6, 12));
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_provider_makes_it_unless_the_prompt_was_refused() {
    let fake = FakeReplicate::start().await;
    let app = app_with(&fake, &[("IMAGE_PROVIDERS", "replicate,sketch")]).await;
    let user = app.user().await;
    let (status, made) = user.make_image("#status=500 a fox").await;
    let image = &made["data"];
    assert_eq!(
        (status, &image["provider"], &image["fallbackFrom"]),
        (200, &json!("sketch"), &json!("replicate")),
        "{made}"
    );
    let events = user.watch_image(image["id"].as_str().unwrap()).await;
    assert_eq!(events.last().unwrap(), "done");
    let (status, refused) = user.make_image("#nsfw").await;
    assert_eq!((status, &refused["code"]), (422, &json!("content_blocked")));
    let (status, made) =
        answer(user.post("/api/image").header("prefer", "wait").json(&json!({ "prompt": "a", "provider": "sketch" })))
            .await;
    assert_eq!((status, &made["data"]["fallbackFrom"]), (200, &json!(null)), "as it was asked for");
    assert_eq!(user.credits().await["available"], 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_names_who_paints_and_not_who_rests() {
    let fake = FakeReplicate::start().await;
    let app = app_with(&fake, &[("IMAGE_PROVIDERS", "replicate,sketch"), ("FREE_CREDITS", "100")]).await;
    let user = app.user().await;
    for _ in 0..5 {
        assert_eq!(user.make_image("#status=500").await.1["data"]["provider"], "sketch");
    }
    let mut events = user.chat_stream(&json!({ "message": "/image a fox" })).await;
    let (_, start) = events.next_named("start").await;
    assert_eq!((&start["provider"], &start["model"]), (&json!("sketch"), &json!("sketch")), "the other one rests");
    assert_eq!(events.rest().await.1.event, "done");
    assert_eq!(fake.count(|seen| &seen.creates), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_takes_too_long_is_cancelled_there_and_free_here() {
    let fake = FakeReplicate::start().await;
    let app = app_with(&fake, &[("IMAGE_TIMEOUT_SECS", "2")]).await;
    let user = app.user().await;
    let (status, refused) = user.make_image("#never").await;
    assert_eq!((status, &refused["code"]), (504, &json!("provider_timeout")));
    assert_eq!((fake.count(|seen| &seen.cancels), fake.last().1.status), (1, "canceled"));
    assert_free(&app, &user, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_and_deleting_cancel_the_work_on_whichever_server() {
    let fake = FakeReplicate::start().await;
    let app = app_with(&fake, &[]).await;
    let beside = app.start_beside(&replicate(&fake)).await;
    for (server, stops) in [(&app, true), (&beside, true), (&app, false), (&beside, false)] {
        let user = app.user().await;
        let (_, ordered) = user.order_image("#never").await;
        let id = ordered["data"]["id"].as_str().unwrap().to_owned();
        while app.state.stores.images.find(app.user_id(&user).await, id.parse().unwrap()).await.unwrap().is_none() {
            sleep(Duration::from_millis(10)).await;
        }
        sleep(Duration::from_millis(200)).await;
        let there = user.at(server.addr);
        if stops {
            assert_eq!(there.post(&format!("/api/images/{id}/stop")).send().await.unwrap().status(), 200);
            let (name, told) = user.await_image(&id).await;
            assert_eq!((name.as_str(), &told["code"]), ("error", &json!("stopped")));
        } else {
            assert_eq!(answer(there.request(Method::DELETE, &format!("/api/images/{id}"))).await.0, 200);
            let begun = Instant::now();
            while user.credits().await["held"] != 0 {
                assert!(begun.elapsed() < Duration::from_secs(5));
                sleep(Duration::from_millis(50)).await;
            }
            assert!(user.images().await.is_empty());
        }
        assert_free(&app, &user, 10).await;
    }
    assert_eq!(fake.count(|seen| &seen.cancels), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_on_another_server_see_it_end() {
    let fake = FakeReplicate::start().await;
    let app = app_with(&fake, &[]).await;
    let beside = app.start_beside(&replicate(&fake)).await;
    let user = app.user().await;
    let (_, ordered) = user.order_image("#polls=3").await;
    let id = ordered["data"]["id"].as_str().unwrap();
    let events = user.at(beside.addr).watch_image(id).await;
    assert_eq!((events.first().unwrap().as_str(), events.last().unwrap().as_str()), ("start", "done"));
    let late = user.get(&format!("/api/images/{id}/events")).header("last-event-id", "end").send().await.unwrap();
    assert_eq!(late.status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_of_replicate_are_verified_and_teach_the_id() {
    let fake = FakeReplicate::start().await;
    let secure = [("PUBLIC_URL", "https://tessera.example"), ("REPLICATE_WEBHOOK_SECRET", WEBHOOK_SECRET)];
    let app = app_with(&fake, &secure).await;
    let user = app.user().await;
    let (_, ordered) = user.order_image("#never").await;
    let id = ordered["data"]["id"].as_str().unwrap();
    while fake.seen.predictions.lock().unwrap().is_empty() {
        sleep(Duration::from_millis(10)).await;
    }
    let (remote, asked) = fake.last();
    assert_eq!(asked.body["webhook"], format!("https://tessera.example/api/webhooks/replicate?job={id}"));
    let visitor = app.visitor();
    let report = async |path: String, forged: bool| {
        let (headers, mut body) = fake.report(&remote);
        if forged {
            body = body.replace("processing", "succeeded").replace("starting", "succeeded");
        }
        let mut request = visitor.post(&path).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send().await.unwrap().status().as_u16()
    };
    let path = format!("/api/webhooks/replicate?job={id}");
    assert_eq!(report(path.clone(), true).await, 401);
    for _ in 0..2 {
        assert_eq!(report(path.clone(), false).await, 200, "also when it comes twice");
    }
    assert_eq!(report(format!("/api/webhooks/replicate?job={}", uuid::Uuid::now_v7()), false).await, 200);
    assert_eq!(report("/api/webhooks/replicate".to_owned(), false).await, 200);
    assert_eq!(visitor.post("/api/webhooks/replicate").body("{}").send().await.unwrap().status(), 401);
    assert_eq!(user.post(&format!("/api/images/{id}/stop")).send().await.unwrap().status(), 200);
    let without = TestApp::start().await;
    assert_eq!(without.visitor().post("/api/webhooks/replicate").body("{}").send().await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_fails_for_a_while_costs_time_and_one_that_is_gone_costs_nothing() {
    let cloud = FakeCloudinary::start().await;
    let app =
        TestApp::start_with(&[("CLOUDINARY_URL", &cloud.cloudinary_url()), ("CLOUDINARY_BASE_URL", &cloud.url)]).await;
    let user = app.user().await;
    cloud.fail(2, 500);
    let (status, made) = user.make_image("a fox").await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(cloud.kept.files.lock().unwrap().len(), 2);
    let response = user.get(made["data"]["imageUrl"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "image/png");
    cloud.fail(1_000, 500);
    let (status, refused) = user.make_image("an owl").await;
    assert_eq!((status, &refused["code"]), (503, &json!("unavailable")));
    assert_eq!((&user.credits().await["available"], &user.credits().await["held"]), (&json!(8), &json!(0)));
    cloud.fail(0, 500);
    let id = made["data"]["id"].as_str().unwrap();
    assert_eq!(answer(user.request(Method::DELETE, &format!("/api/images/{id}"))).await.0, 200);
    app.clean_up().await;
    assert!(cloud.kept.files.lock().unwrap().is_empty(), "deleted there too");
    assert_eq!(app.state.stores.images.count().await.unwrap().strays, 0);
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_kept_in_s3_and_deleted_there() {
    let s3 = S3Server::start().await;
    let vars = [
        ("S3_BUCKET", BUCKET),
        ("S3_ENDPOINT", &s3.url),
        ("S3_ACCESS_KEY_ID", "access"),
        ("S3_SECRET_ACCESS_KEY", "hush-hush"),
        ("S3_REGION", "eu-central-1"),
        ("S3_PREFIX", "studio"),
    ];
    let app = TestApp::start_with(&vars).await;
    let user = app.user().await;
    let (status, made) = user.make_image("a fox").await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(app.count_files().await, 2);
    let response = user.get(made["data"]["thumbnailUrl"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "image/webp");
    let id = made["data"]["id"].as_str().unwrap();
    assert_eq!(answer(user.request(Method::DELETE, &format!("/api/images/{id}"))).await.0, 200);
    app.clean_up().await;
    assert_eq!(app.count_files().await, 0);
}

/// Eight images at all stages when the server is killed: none begun, some painted, some being stored, some done.
#[tokio::test(flavor = "multi_thread")]
async fn kill_9_in_the_middle_of_images_is_one_charge_or_none_and_one_file_or_none() {
    let (data, fake, upstream) = (TempDir::new().unwrap(), FakeReplicate::start().await, FakeOpenAi::start().await);
    let folder = data.path().to_str().unwrap();
    let vars = variables(&upstream, &[&replicate(&fake), &[("DATA_DIR", folder)][..]].concat());
    let mut server = Program::start(vars).await;
    let mut user = User::new(server.addr);
    user.register().await;
    assert_eq!(user.make_image("a fox, before").await.0, 200);
    let (_, talked) = user.post_json("/api/chat", &json!({ "message": "/image #polls=2 in a talk" })).await;
    assert_eq!(talked["data"]["credits"], 2, "{talked}");
    for prompt in ["#pause=4000", "#never", "#polls=60", "#polls=4", "#polls=3", "#polls=2", "#polls=1"] {
        assert_eq!(user.order_image(prompt).await.0, 202);
    }
    let mut events = user.chat_stream(&json!({ "message": "/image #polls=100 in another talk" })).await;
    let conversation = events.next_named("start").await.1["conversationId"].as_str().unwrap().to_owned();
    sleep(Duration::from_millis(1300)).await;
    server.kill();
    let killed = Instant::now();
    // Replicate goes on without us.
    let asked: BTreeSet<String> = fake.seen.predictions.lock().unwrap().keys().cloned().collect();
    for id in &asked {
        for _ in 0..100 {
            let there = user.http.get(format!("{}/predictions/{id}", fake.url)).bearer_auth(TOKEN);
            assert_eq!(there.send().await.unwrap().status(), 200);
        }
    }
    server.restart().await;
    while user.credits().await["held"] != 0 {
        assert!(killed.elapsed() < Duration::from_mins(1), "every hold is ended within a minute");
        sleep(Duration::from_millis(250)).await;
    }
    let images = user.images().await;
    assert_eq!(images.len(), 10);
    let count = |status: &str| images.iter().filter(|image| image.status == status).count();
    let complete = count("complete");
    // One whose id nobody knew, and one that is never done.
    assert_eq!((complete, count("failed")), (8, 2), "{images:#?}");
    assert_eq!(user.credits().await["available"], json!(100 - 2 * complete));
    let known: BTreeSet<String> = fake.seen.predictions.lock().unwrap().keys().cloned().collect();
    assert!(known.difference(&asked).count() <= 1, "nothing is ordered again: {known:?}");
    let (_, shown) = user.get_json(&format!("/api/conversations/{conversation}")).await;
    assert_ne!(shown["data"]["messages"][1]["state"], json!("running"));

    let config = Config::from_vars(&[("DATA_DIR".to_owned(), folder.to_owned())].into()).unwrap();
    let (stores, objects) = (Stores::open(&config).await.unwrap(), build_storage(&config).unwrap());
    clean(stores.images.as_ref(), objects.as_ref(), now_millis() + DAY).await.unwrap();
    let inventory = take_inventory(stores.images.as_ref(), objects.as_ref()).await.unwrap().unwrap();
    assert_eq!(inventory.files, 2 * complete as u64, "a file and a thumbnail for each that was charged, and no more");
    assert_audit_is_clean(stores.credits.as_ref()).await;
}

/// Killed while Replicate paints: its picture is found again, and what was never found has a record of what it may have cost.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_a_killed_server_is_not_paid_for_and_forgotten() {
    let (fake, upstream) = (FakeReplicate::start().await, FakeOpenAi::start().await);
    let mut server = Program::start(variables(&upstream, &replicate(&fake))).await;
    let mut user = User::new(server.addr);
    user.register().await;
    let (_, painted) = user.order_image("#takes=4000 a fox").await;
    // Its answer is on its way when the server dies.
    let (_, lost) = user.order_image("#pause=4000 a hare").await;
    sleep(Duration::from_millis(1500)).await;
    server.kill();
    let killed = Instant::now();
    server.restart().await;
    while user.credits().await["held"] != 0 {
        assert!(killed.elapsed() < Duration::from_mins(1), "every hold is ended within a minute");
        sleep(Duration::from_millis(250)).await;
    }
    let status = async |image: &serde_json::Value| {
        let id = image["data"]["id"].as_str().unwrap();
        user.get_json(&format!("/api/images/{id}")).await.1["data"]["status"].clone()
    };
    assert_eq!((status(&painted).await, status(&lost).await), (json!("complete"), json!("failed")));
    assert_eq!((fake.count(|seen| &seen.creates), &user.credits().await["available"]), (2, &json!(98)));
    // One that is stopped has a record too.
    let (_, stopped) = user.order_image("#never a bear").await;
    sleep(Duration::from_millis(700)).await;
    let id = stopped["data"]["id"].as_str().unwrap();
    assert_eq!(user.request(reqwest::Method::DELETE, &format!("/api/images/{id}")).send().await.unwrap().status(), 200);
    let config = Config::from_vars(&[("DATA_DIR".to_owned(), server.data_dir().to_str().unwrap().to_owned())].into());
    let stores = Stores::open(&config.unwrap()).await.unwrap();
    let attempts = async |image: &serde_json::Value| {
        let request = image["requestId"].as_str().unwrap();
        let found = stores.attempts.find_by_request(request).await.unwrap();
        found.into_iter().map(|attempt| (attempt.outcome.as_str(), attempt.cost_micros)).collect::<Vec<_>>()
    };
    let begun = Instant::now();
    while attempts(&stopped).await.is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10));
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(attempts(&stopped).await, [("stopped", None)]);
    assert_eq!(attempts(&lost).await, [("cut", None)]);
    assert_eq!(attempts(&painted).await.len(), 1);
}

impl User {
    /// The names of all events of an image.
    pub async fn watch_image(&self, id: &str) -> Vec<String> {
        let response = self.get(&format!("/api/images/{id}/events")).send().await.unwrap();
        let events = crate::support::EventReader::new(response).all().await;
        events.into_iter().map(|event| event.event).collect()
    }
}

impl TestApp {
    async fn user_id(&self, user: &User) -> UserId {
        let (_, me): (u16, Value) = user.get_json("/api/auth/me").await;
        me["data"]["id"].as_str().unwrap().parse().unwrap()
    }
}
