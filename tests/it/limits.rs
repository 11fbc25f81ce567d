//! Rate limits: one contract for every adapter, and what clients see of them.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use redis::AsyncCommands;
use serde_json::json;
use tessera::platform::error::AppError;
use tessera::platform::limits::{Attempt, Limit, LocalRateLimiter, RateLimiter, Rates, RedisRateLimiter};
use tessera::platform::redis::Redis;
use tessera::platform::time::{DAY, HOUR};
use tokio::time::sleep;
use uuid::Uuid;

use crate::servers::{RedisServer, until};
use crate::support::{PASSWORD, TestApp};

/// What every adapter does.
async fn contract(make: impl Fn(u32) -> Arc<dyn RateLimiter>) {
    let key = || Uuid::now_v7().to_string();

    // All of it at once, and then no more.
    let (limiter, ada) = (make(20), key());
    for left in (0..20).rev() {
        let quota = limiter.check(Limit::Spend, &ada).await.unwrap();
        assert_eq!((quota.limit, quota.remaining, quota.reset_secs), (20, left, u64::from(20 - left) * 3));
    }
    for _ in 0..3 {
        let refused = limiter.check(Limit::Spend, &ada).await.unwrap_err();
        assert!(matches!(refused, AppError::RateLimited { retry_after_secs: 2..=3, limit: 20 }), "{refused:?}");
    }

    // Others, and other limits, have their own.
    assert_eq!(limiter.check(Limit::Spend, &key()).await.unwrap().remaining, 19);
    assert_eq!(limiter.check(Limit::LoginAddress, &ada).await.unwrap().remaining, 19);
    // Half as many guesses at one account, rounded up.
    assert_eq!(make(5).check(Limit::LoginEmail, &key()).await.unwrap().limit, 3);

    // Attempts that come together are counted one by one.
    let (limiter, bob) = (make(10), key());
    let checks = (0..200).map(|_| limiter.check(Limit::LoginAddress, &bob));
    let allowed = join_all(checks).await.into_iter().flatten().count();
    assert_eq!(allowed, 10);

    // It comes back bit by bit, when it was said.
    let (limiter, eve) = (make(60), key());
    let wait = loop {
        if let Err(refused) = limiter.check(Limit::LoginAddress, &eve).await {
            let AppError::RateLimited { retry_after_secs, .. } = refused else { panic!("{refused:?}") };
            break retry_after_secs;
        }
    };
    assert_eq!(wait, 1);
    sleep(Duration::from_secs(wait)).await;
    assert_eq!(limiter.check(Limit::LoginAddress, &eve).await.unwrap().remaining, 0);
    limiter.check(Limit::LoginAddress, &eve).await.unwrap_err();

    // An hour, and a day: they come back as much more slowly.
    let (limiter, joe) = (make(2), key());
    for (limit, of, whole) in [(Limit::Register, 2, 3600), (Limit::FreeStop, 50, 86_400)] {
        for left in (0..of).rev() {
            let quota = limiter.check(limit, &joe).await.unwrap();
            assert_eq!((quota.limit, quota.remaining), (of, left));
        }
        let (limit, wait) = match limiter.check(limit, &joe).await.unwrap_err() {
            AppError::RateLimited { retry_after_secs, limit } | AppError::TooManyStops { retry_after_secs, limit } => {
                (limit, retry_after_secs)
            }
            other => panic!("{other:?}"),
        };
        let one = whole / u64::from(of);
        assert!(limit == of && (one - 5..=one).contains(&wait), "{wait} of {one}");
    }

    // Several at once: who only looks takes nothing, and what comes after a refusal is not counted.
    let (limiter, sue) = (make(3), key());
    let look = Attempt::look(Limit::LoginAddress, sue.clone());
    let spend = Attempt::of(Limit::Spend, sue.clone());
    for left in (0..3).rev() {
        let quotas = limiter.check_all(&[look.clone(), spend.clone()]).await.unwrap();
        assert_eq!(quotas.iter().map(|quota| quota.remaining).collect::<Vec<_>>(), [3, left]);
    }
    let sign_in = Attempt::of(Limit::LoginAddress, sue.clone());
    limiter.check_all(&[spend, sign_in.clone()]).await.unwrap_err();
    for left in (0..3).rev() {
        assert_eq!(limiter.check_all(std::slice::from_ref(&sign_in)).await.unwrap()[0].remaining, left);
    }
    limiter.check_all(&[look]).await.unwrap_err();
}

#[tokio::test]
async fn the_adapter_in_this_process_keeps_the_contract() {
    contract(|per_minute| Arc::new(LocalRateLimiter::new(Rates::of(per_minute)))).await;
}

#[tokio::test]
async fn the_adapter_over_redis_keeps_the_contract() {
    let server = RedisServer::start().await;
    let redis = server.connect().await;
    contract(|per_minute| Arc::new(RedisRateLimiter::new(redis.clone(), Rates::of(per_minute)))).await;
    assert_eq!(redis.problem(), None);
    // It was Redis that counted, under names that tell nothing, and nothing stays.
    let mut inside = server.look().await;
    let keys: Vec<String> = inside.keys("*").await.unwrap();
    assert!(keys.iter().filter(|key| key.starts_with("tessera:limit:")).count() >= 5, "{keys:?}");
    for key in keys {
        let ttl: i64 = inside.pttl(&key).await.unwrap();
        let longest = match () {
            () if key.contains(":register:") => HOUR,
            () if key.contains(":free-stop:") => DAY,
            () => 61_000,
        };
        assert!((1..=longest).contains(&ttl), "{key}: {ttl}");
    }
}

#[tokio::test]
async fn servers_with_one_redis_count_together_and_alone_without_it() {
    let mut server = RedisServer::start().await;
    let (one, two) = (server.connect().await, server.connect().await);
    let on = |redis: &Redis| RedisRateLimiter::new(redis.clone(), Rates::of(4));
    let (first, second) = (on(&one), on(&two));
    for (limiter, left) in [(&first, 3), (&first, 2), (&first, 1), (&second, 0)] {
        assert_eq!(limiter.check(Limit::LoginAddress, "a").await.unwrap().remaining, left);
    }
    first.check(Limit::LoginAddress, "a").await.unwrap_err();
    second.check(Limit::LoginAddress, "a").await.unwrap_err();
    // A Redis that forgets the script gets it again.
    let mut inside = server.look().await;
    redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut inside).await.unwrap();
    assert_eq!(first.check(Limit::LoginAddress, "b").await.unwrap().remaining, 3);
    assert_eq!(one.problem(), None);
    server.kill();
    // Both have seen some attempts themselves, so neither begins anew.
    first.check(Limit::LoginAddress, "a").await.unwrap_err();
    assert_eq!(second.check(Limit::LoginAddress, "a").await.unwrap().remaining, 1);
    assert!(one.problem().is_some());
    server.start_again().await;
    until(|| one.problem().is_none() && two.problem().is_none()).await;
    assert_eq!(first.check(Limit::LoginAddress, "c").await.unwrap().remaining, 3);
    assert_eq!(second.check(Limit::LoginAddress, "c").await.unwrap().remaining, 2);
}

#[tokio::test]
async fn spending_is_limited_per_user_and_every_answer_says_what_is_left() {
    let app = TestApp::start_with(&[("RATE_LIMIT_PER_MINUTE", "3")]).await;
    let (user, other) = (app.user().await, app.user().await);
    // What is wrong in itself does not count.
    assert_eq!(user.chat(" ").await.0, 400);
    let ask = async |accept: &str| {
        let request = user.post("/api/chat").header("accept", accept).json(&json!({"message": "hello"}));
        let response = request.send().await.unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let limits = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after"].map(header);
        (response.status().as_u16(), limits, response.text().await.unwrap())
    };
    let told = |limit: &str, remaining: &str, reset: &str| {
        [limit, remaining, reset].map(|text| Some(text.to_owned())).into_iter().chain([None]).collect::<Vec<_>>()
    };
    let (status, limits, _) = ask("application/json").await;
    assert_eq!((status, limits.to_vec()), (200, told("3", "2", "20")));
    let (status, limits, _) = ask("text/event-stream").await;
    assert_eq!((status, limits.to_vec()), (200, told("3", "1", "40")));
    assert_eq!(ask("application/json").await.0, 200);
    let (status, limits, body) = ask("application/json").await;
    let [limit, remaining, reset, retry_after] = limits.map(Option::unwrap);
    assert_eq!((status, limit.as_str(), remaining.as_str()), (429, "3", "0"));
    let seconds: u64 = retry_after.parse().unwrap();
    assert!((18..=20).contains(&seconds) && reset == retry_after, "{reset} {retry_after}");
    assert!(body.contains("rate_limited") && body.contains("Too many requests"), "{body}");
    // Nothing was held for it; the form without JavaScript is told as well; others are not concerned.
    assert_eq!(user.credits().await, json!({"available": 7, "held": 0, "debt": 0, "plan": "free"}));
    let page = user.post_form("/chat", &[("message", "hello")]).send().await.unwrap();
    assert_eq!(page.status(), 429);
    assert!(page.text().await.unwrap().contains("Too many requests"));
    assert_eq!(other.chat("hello").await.0, 200);
    app.assert_books_balance().await;
}

/// What a client writes itself stands before what its proxy appends.
#[tokio::test]
async fn no_client_escapes_its_limit_by_what_it_says_of_itself() {
    let vars = [("RATE_LIMIT_PER_MINUTE", "3"), ("TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.1")];
    for appended in ["203.0.113.9:4711", "[2001:db8::7]:4711", "unknown", "", "203.0.113.9:4711, 10.0.0.1:80"] {
        let app = TestApp::start_with(&vars).await;
        let visitor = app.visitor();
        let try_out = async |own: &str| {
            let body = json!({"email": format!("{}@example.org", Uuid::now_v7()), "password": "wrong horse"});
            let request = visitor.post("/api/auth/login").header("x-forwarded-for", own);
            let response = request.header("x-forwarded-for", appended).json(&body).send().await.unwrap();
            response.status().as_u16()
        };
        let mut statuses = Vec::new();
        for n in 0..6 {
            statuses.push(try_out(&format!("198.51.100.{n}")).await);
        }
        assert_eq!(statuses, [401, 401, 401, 429, 429, 429], "{appended:?}");
    }
}

#[tokio::test]
async fn registrations_are_limited_by_the_hour_and_by_the_network_of_a_customer() {
    let vars = [("TRUSTED_PROXIES", "127.0.0.1"), ("REGISTRATIONS_PER_HOUR", "2")];
    let app = TestApp::start_with(&vars).await;
    let register = async |from: &str| {
        let body = json!({"email": format!("{}@example.org", Uuid::now_v7()), "password": PASSWORD});
        let request = app.visitor().post("/api/auth/register").header("x-forwarded-for", from).json(&body);
        let response = request.send().await.unwrap();
        let wait = response.headers().get("retry-after").map(|value| value.to_str().unwrap().parse::<u64>().unwrap());
        (response.status().as_u16(), wait)
    };
    for from in [["203.0.113.9"; 3], ["2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:ffff::1"]] {
        assert_eq!(register(from[0]).await, (201, None));
        assert_eq!(register(from[1]).await, (201, None));
        let (status, wait) = register(from[2]).await;
        assert!(status == 429 && wait.is_some_and(|wait| (1700..=1800).contains(&wait)), "{from:?}: {status} {wait:?}");
    }
    assert_eq!(register("2001:db8:2:1::1").await.0, 201);
    // Signing in has its own limit.
    let body = json!({"email": "ada@example.org", "password": "wrong horse"});
    let request = app.visitor().post("/api/auth/login").header("x-forwarded-for", "203.0.113.9").json(&body);
    assert_eq!(request.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn work_is_stopped_for_nothing_only_so_often_a_day() {
    let app = TestApp::start_with(&[("FREE_STOPS_PER_DAY", "3")]).await;
    let (user, other) = (app.user().await, app.user().await);
    // A message stopped, a conversation deleted, a client of `/v1` that went away.
    let mut events = user.chat_stream(&json!({"message": "#tokens=0 #stall"})).await;
    let (_, start) = events.next_named("start").await;
    let path = format!("/api/chat/{}/stop", start["messageId"].as_str().unwrap());
    assert_eq!(user.post(&path).send().await.unwrap().status(), 200);
    let mut events = user.chat_stream(&json!({"message": "#tokens=0 #stall"})).await;
    let (_, start) = events.next_named("start").await;
    let path = format!("/api/conversations/{}", start["conversationId"].as_str().unwrap());
    assert_eq!(user.request(reqwest::Method::DELETE, &path).send().await.unwrap().status(), 200);
    let program = user.with_key(&json!({})).await;
    let body = json!({"model": "fake-model", "messages": [{"role": "user", "content": "#tokens=0 #stall"}]});
    let asking = program.post("/v1/chat/completions").json(&body).timeout(Duration::from_millis(500));
    assert!(asking.send().await.is_err());
    // They end in the background.
    let id = user.get_json("/api/auth/me").await.1["data"]["id"].as_str().unwrap().to_owned();
    let look = [Attempt::look(Limit::FreeStop, id)];
    for _ in 0..400 {
        if app.state.generation.limiter.check_all(&look).await.is_err() {
            break;
        }
        sleep(Duration::from_millis(25)).await;
    }
    let calls = app.upstream.calls();
    // Now each way to ask is refused before anything is held or asked, and says when to come back.
    for (path, body) in [
        ("/api/chat", json!({"message": "hello"})),
        ("/api/image", json!({"prompt": "a lake"})),
        ("/v1/chat/completions", body),
    ] {
        let sender = if path.starts_with("/v1") { &program } else { &user };
        let response = sender.post(path).json(&body).send().await.unwrap();
        assert_eq!(response.status(), 429, "{path}");
        let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((28_000..=28_800).contains(&wait), "{wait}");
        let text = response.text().await.unwrap();
        assert!(text.contains("rate_limit") && text.contains("stopped"), "{text}");
    }
    assert_eq!(app.upstream.calls(), calls);
    assert_eq!(user.credits().await, json!({"available": 10, "held": 0, "debt": 0, "plan": "free"}));
    assert_eq!(other.chat("hello").await.0, 200);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn what_was_paid_for_or_failed_is_no_free_stop() {
    let app = TestApp::start_with(&[("FREE_STOPS_PER_DAY", "1")]).await;
    let user = app.user().await;
    let mut events = user.chat_stream(&json!({"message": "#tokens=1 #stall"})).await;
    let (_, start) = events.next_named("start").await;
    events.next_named("token").await;
    let path = format!("/api/chat/{}/stop", start["messageId"].as_str().unwrap());
    assert_eq!(user.post(&path).send().await.unwrap().status(), 200);
    for _ in 0..3 {
        assert_eq!(user.chat("#status=500").await.0, 502);
    }
    assert_eq!(user.chat("hello").await.0, 200);
    assert_eq!(user.credits().await["available"], 8);
}
