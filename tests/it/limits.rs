//! Rate limits: one contract for every adapter, and what clients see of them.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use redis::AsyncCommands;
use serde_json::json;
use tessera::platform::error::AppError;
use tessera::platform::limits::{Limit, LocalRateLimiter, RateLimiter, RedisRateLimiter};
use tessera::platform::redis::Redis;
use tokio::time::sleep;
use uuid::Uuid;

use crate::servers::{RedisServer, until};
use crate::support::TestApp;

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
    let checks = (0..200).map(|_| limiter.check(Limit::Register, &bob));
    let allowed = join_all(checks).await.into_iter().flatten().count();
    assert_eq!(allowed, 10);

    // It comes back bit by bit, when it was said.
    let (limiter, eve) = (make(60), key());
    let wait = loop {
        if let Err(refused) = limiter.check(Limit::Register, &eve).await {
            let AppError::RateLimited { retry_after_secs, .. } = refused else { panic!("{refused:?}") };
            break retry_after_secs;
        }
    };
    assert_eq!(wait, 1);
    sleep(Duration::from_secs(wait)).await;
    assert_eq!(limiter.check(Limit::Register, &eve).await.unwrap().remaining, 0);
    limiter.check(Limit::Register, &eve).await.unwrap_err();
}

#[tokio::test]
async fn the_adapter_in_this_process_keeps_the_contract() {
    contract(|per_minute| Arc::new(LocalRateLimiter::new(per_minute))).await;
}

#[tokio::test]
async fn the_adapter_over_redis_keeps_the_contract() {
    let server = RedisServer::start().await;
    let redis = server.connect().await;
    contract(|per_minute| Arc::new(RedisRateLimiter::new(redis.clone(), per_minute))).await;
    assert_eq!(redis.problem(), None);
    // It was Redis that counted, under names that tell nothing, and nothing stays.
    let mut inside = server.look().await;
    let keys: Vec<String> = inside.keys("*").await.unwrap();
    assert!(keys.iter().filter(|key| key.starts_with("tessera:limit:")).count() >= 5, "{keys:?}");
    for key in keys {
        let ttl: i64 = inside.pttl(&key).await.unwrap();
        assert!((1..=61_000).contains(&ttl), "{key}: {ttl}");
    }
}

#[tokio::test]
async fn servers_with_one_redis_count_together_and_alone_without_it() {
    let mut server = RedisServer::start().await;
    let (one, two) = (server.connect().await, server.connect().await);
    let on = |redis: &Redis| RedisRateLimiter::new(redis.clone(), 4);
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
