//! Whoever is out is out everywhere, also while all servers have much to do: no request that begins after a revocation is let in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tessera::app::people::{disable, grant};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::mongod::{Kind, Mongod};
use crate::servers::RedisServer;
use crate::support::{PASSWORD, TestApp, User, answer};

/// Those who keep the servers busy, each with messages and pages.
const OTHERS: usize = 8;
/// Requests of the one who is to be out, at each server at any moment.
const AT_ONCE: usize = 4;

/// All of them from one address.
const MANY: (&str, &str) = ("REGISTRATIONS_PER_HOUR", "1000");

/// How somebody is put out.
#[derive(Debug, Clone, Copy)]
enum Revocation {
    SignedOut,
    /// From another device, by the list of sessions.
    Ended,
    Disabled,
    /// Of another role, whoever was signed in signs in anew.
    Promoted,
}

/// When a request began, and what came of it.
type Asked = (Instant, u16);

/// Asks again and again until it is told to stop.
async fn keep_asking(user: User, is_over: Arc<AtomicBool>) -> Vec<Asked> {
    let mut asked = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        let begun = Instant::now();
        asked.push((begun, user.get_json("/api/auth/me").await.0));
    }
    asked
}

async fn keep_busy(user: User, is_over: Arc<AtomicBool>) {
    for n in 0.. {
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        let (status, said) = user.chat(&format!("#tokens=4 {n}")).await;
        assert!([200, 402, 429].contains(&status), "{said}");
        assert_eq!(user.get("/chat").send().await.unwrap().status(), 200);
    }
}

async fn sign_in(user: &User) -> User {
    let mut there = User { email: user.email.clone(), ..User::new(user.addr) };
    let body = json!({"email": user.email, "password": PASSWORD});
    let response = there.post("/api/auth/login").json(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    there.keep_cookie(&response);
    there
}

/// Puts a user out at the first server.
async fn revoke(app: &TestApp, user: &User, other_device: &User, how: Revocation) {
    match how {
        Revocation::SignedOut => assert!(user.post("/api/auth/logout").send().await.unwrap().status().is_success()),
        Revocation::Ended => {
            let (status, ended) = answer(other_device.request(Method::DELETE, "/api/account/sessions")).await;
            assert_eq!((status, &ended["data"]["ended"]), (200, &json!(1)));
        }
        Revocation::Disabled => disable(&app.state.stores, &user.email).await.unwrap(),
        Revocation::Promoted => grant(&app.state.stores, &user.email).await.unwrap(),
    }
}

async fn everybody_is_out_at_once(servers: &[&TestApp]) {
    let addrs: Vec<SocketAddr> = servers.iter().map(|server| server.addr).collect();
    let (is_over, mut load) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for n in 0..OTHERS {
        let user = servers[0].user().await.at(addrs[n % addrs.len()]);
        load.spawn(keep_busy(user, is_over.clone()));
    }
    for how in [Revocation::SignedOut, Revocation::Ended, Revocation::Disabled, Revocation::Promoted] {
        let user = servers[0].user().await;
        let other_device = sign_in(&user).await;
        let (seen_enough, mut asking) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        for addr in addrs.iter().flat_map(|addr| [*addr; AT_ONCE]) {
            asking.spawn(keep_asking(user.at(addr), seen_enough.clone()));
        }
        sleep(Duration::from_millis(300)).await;
        revoke(servers[0], &user, &other_device, how).await;
        let out = Instant::now();
        sleep(Duration::from_millis(300)).await;
        seen_enough.store(true, Ordering::SeqCst);
        let (mut let_in, mut refused) = (0, 0);
        for asked in asking.join_all().await {
            for (begun, status) in asked {
                assert!(status == 200 || status == 401, "{how:?}: {status}");
                assert!(begun < out || status == 401, "{how:?}: let in {:?} after it was out", begun - out);
                if status == 200 { let_in += 1 } else { refused += 1 }
            }
        }
        assert!(let_in > 0 && refused > 0, "{how:?}: {let_in} let in, {refused} refused");
        for addr in &addrs {
            assert_eq!(user.at(*addr).get("/chat").send().await.unwrap().status(), 303, "{how:?}");
            assert_eq!(user.at(*addr).chat("#tokens=1 no").await.0, 401, "{how:?}");
        }
    }
    is_over.store(true, Ordering::SeqCst);
    load.join_all().await;
    servers[0].assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_mongodb_and_redis_who_is_revoked_is_out_on_every_server_under_load() {
    let (mongod, redis) = (Mongod::start(Kind::ReplicaSet).await, RedisServer::start().await);
    let (uri, url) = (mongod.uri(), redis.url());
    let vars = [("MONGODB_URI", uri.as_str()), ("REDIS_URL", url.as_str()), ("FREE_CREDITS", "1000"), MANY];
    let one = TestApp::start_with(&vars).await;
    let two = one.start_beside(&vars).await;
    everybody_is_out_at_once(&[&one, &two]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_sqlite_who_is_revoked_is_out_under_load() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "1000"), MANY]).await;
    everybody_is_out_at_once(&[&app]).await;
}
