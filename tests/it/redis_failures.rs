//! Redis killed, frozen, away from the start, and over TLS: the server goes on, in time, and finds it again.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::future::join_all;
use redis::AsyncCommands;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::mongod::free_addr;
use crate::proxy::Proxy;
use crate::servers::{RedisServer, until};
use crate::support::{TestApp, User};

/// No request may take longer, whatever Redis does.
const AT_MOST: Duration = Duration::from_secs(1);

/// Many requests at once, each by a user of its own; returns how long the slowest took.
async fn slowest_of(users: &[User]) -> Duration {
    let answered = join_all(users.iter().map(async |user| {
        let started = Instant::now();
        let page = user.get("/chat").send().await.unwrap();
        assert_eq!(page.status(), 200);
        let page_took = started.elapsed();
        let started = Instant::now();
        let (status, body) = user.chat("#tokens=1").await;
        assert_eq!(status, 200, "{body}");
        page_took.max(started.elapsed())
    }));
    answered.await.into_iter().max().unwrap()
}

/// As one on another continent.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_redis_costs_little_and_is_soon_left_alone() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(vec![server.addr()]).await;
    let url = format!("redis://{}", proxy.addr);
    let app = TestApp::start_with(&[("REDIS_URL", &url), ("CHAT_CACHE", "shared"), ("FREE_CREDITS", "20")]).await;
    let user = app.user().await;
    until(|| problem(&app).is_none()).await;
    assert_eq!(user.chat("#tokens=1 0").await.0, 200);
    proxy.delay(Duration::from_millis(300));
    for n in 1..=8 {
        let started = Instant::now();
        assert_eq!(user.chat(&format!("#tokens=1 {n}")).await.0, 200);
        // One patience, and the rest of the way.
        assert!(started.elapsed() < Duration::from_millis(900), "message {n} took {:?}", started.elapsed());
    }
    // That it is slow, or, where the look at it came first, that it did not answer in time.
    assert!(problem(&app).is_some());
    // It is not taken back while it is slow, and is when it is well.
    sleep(Duration::from_secs(8)).await;
    assert!(problem(&app).is_some());
    let mut fastest = Duration::MAX;
    for n in 0..4 {
        let started = Instant::now();
        assert_eq!(user.chat(&format!("#tokens=1 alone {n}")).await.0, 200);
        fastest = fastest.min(started.elapsed());
    }
    // Once asked, it would be 300.
    assert!(fastest < Duration::from_millis(250), "{fastest:?}");
    proxy.delay(Duration::ZERO);
    until(|| problem(&app).is_none()).await;
}

fn problem(app: &TestApp) -> Option<String> {
    app.state.redis.as_ref().unwrap().problem()
}

async fn counted(server: &RedisServer) -> usize {
    server.look().await.keys::<_, Vec<String>>("tessera:limit:spend:*").await.unwrap().len()
}

#[tokio::test]
async fn a_frozen_or_killed_redis_delays_nobody_and_is_found_again() {
    let mut server = RedisServer::start().await;
    let app = TestApp::start_with(&[("REDIS_URL", &server.url()), ("RATE_LIMIT_PER_MINUTE", "200")]).await;
    let mut users = Vec::new();
    for _ in 0..20 {
        users.push(app.user().await);
    }
    let up = slowest_of(&users).await;
    assert_eq!((problem(&app), counted(&server).await), (None, 20));

    server.freeze();
    let frozen = slowest_of(&users).await;
    assert!(problem(&app).is_some());
    let rested = slowest_of(&users).await;
    let (status, ready) = app.visitor().get_json("/readyz").await;
    assert_eq!((status, ready["ready"].as_bool()), (200, Some(true)));
    assert!(ready["redis"]["problem"].is_string(), "{ready}");
    server.thaw();
    until(|| problem(&app).is_none()).await;
    slowest_of(&users).await;
    assert_eq!(problem(&app), None);

    server.kill();
    let killed = slowest_of(&users).await;
    assert!(problem(&app).is_some());
    server.start_again().await;
    until(|| problem(&app).is_none()).await;
    assert_eq!(counted(&server).await, 0, "it came back empty");
    slowest_of(&users).await;
    assert_eq!(counted(&server).await, 20);
    eprintln!("slowest request: up {up:?}, frozen {frozen:?}, resting {rested:?}, killed {killed:?}");
    for took in [frozen, rested, killed] {
        assert!(took < AT_MOST + up, "{took:?}, {up:?} with Redis");
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn limits_hold_without_redis() {
    let mut server = RedisServer::start().await;
    let app = TestApp::start_with(&[("REDIS_URL", &server.url()), ("RATE_LIMIT_PER_MINUTE", "4")]).await;
    let user = app.user().await;
    assert_eq!(user.chat("one").await.0, 200);
    server.freeze();
    for expected in [200, 200, 200, 429, 429] {
        assert_eq!(user.chat("more").await.0, expected);
    }
    server.kill();
    assert_eq!(user.chat("more").await.0, 429);
    let login = serde_json::json!({"email": user.email, "password": "wrong horse"});
    for expected in [401, 401, 429] {
        assert_eq!(user.post_json("/api/auth/login", &login).await.0, expected);
    }
}

#[tokio::test]
async fn a_redis_that_is_away_at_the_start_is_found_later() {
    let mut server = RedisServer::start().await;
    server.kill();
    let app = TestApp::start_with(&[("REDIS_URL", &server.url())]).await;
    let user = app.user().await;
    assert_eq!(user.chat("hello").await.0, 200);
    assert!(problem(&app).is_some());
    server.start_again().await;
    until(|| problem(&app).is_none()).await;
    assert_eq!(user.chat("hello").await.0, 200);
    assert_eq!(counted(&server).await, 1);
}

fn openssl(folder: &TempDir, arguments: &str) {
    let done = Command::new("openssl").args(arguments.split(' ')).current_dir(folder.path()).output().unwrap();
    assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A CA of our own, and a certificate of Redis that it has signed.
fn make_certificates(folder: &TempDir, days: i32) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout";
    openssl(folder, &format!("req -x509 {key} ca.key -out ca.crt -days 2 -subj /CN=Test-CA"));
    openssl(folder, &format!("req {key} redis.key -out redis.csr -subj /CN=redis"));
    std::fs::write(folder.path().join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost").unwrap();
    let sign = "x509 -req -in redis.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile names -out redis.crt";
    openssl(folder, &format!("{sign} -days {days}"));
}

#[tokio::test]
async fn rediss_trusts_the_cas_of_the_system_and_nobody_else() {
    let folder = TempDir::new().unwrap();
    make_certificates(&folder, 2);
    let server = RedisServer::start_tls(folder.path()).await;
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/SmolLM2-135M-Instruct.Q4_1.gguf");
    let tessera = |trusted: Option<&str>, vars: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
        command.current_dir(folder.path()).env_clear().env("REDIS_URL", server.tls_url()).env("LOCAL_MODEL", model);
        command.envs(vars.iter().copied());
        if let Some(file) = trusted {
            command.env("SSL_CERT_FILE", folder.path().join(file));
        }
        command
    };
    let table = |trusted| {
        let output = tessera(trusted, &[]).arg("check").output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let trusting = table(Some("ca.crt"));
    assert!(trusting.contains("ok      redis            127.0.0.1:"), "{trusting}");
    let strict = table(None);
    assert!(strict.contains("FAILED  redis") && strict.contains("ertificate"), "{strict}");

    // And as a server.
    let addr = free_addr().to_string();
    let vars = [("SITE_ADDR", addr.as_str()), ("RUST_LOG", "warn")];
    let mut child = tessera(Some("ca.crt"), &vars).stderr(Stdio::inherit()).spawn().unwrap();
    let visitor = User::new(addr.parse().unwrap());
    let mut problem = serde_json::Value::Bool(false);
    for _ in 0..400 {
        if let Ok(response) = visitor.get("/readyz").send().await {
            let ready: serde_json::Value = response.json().await.unwrap();
            problem = ready["redis"]["problem"].clone();
            if problem.is_null() {
                break;
            }
        }
        sleep(Duration::from_millis(25)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(problem.is_null(), "{problem}");
}

/// Whichever service it is of: what is wrong comes before anything that the peer would say.
#[tokio::test]
async fn a_certificate_that_ran_out_is_named_with_its_service() {
    let folder = TempDir::new().unwrap();
    make_certificates(&folder, -1);
    let server = RedisServer::start_tls(folder.path()).await;
    let (addr, ca) = (server.addr(), folder.path().join("ca.crt"));
    let tessera = |arguments: &[&str], vars: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
        command.args(arguments).current_dir(folder.path()).env_clear().env("SSL_CERT_FILE", &ca).env("RUST_LOG", "off");
        let output = command.envs(vars.iter().copied()).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let (redis, https, smtps) = (server.tls_url(), format!("https://{addr}"), format!("smtps://{addr}"));
    let vars = [
        ("REDIS_URL", &*redis),
        ("CHAT_PROVIDERS", "openai"),
        ("OPENAI_BASE_URL", &*https),
        ("PAYPAL_CLIENT_ID", "x"),
        ("PAYPAL_CLIENT_SECRET", "y"),
        ("PAYPAL_BASE_URL", &*https),
        ("SMTP_URL", &*smtps),
    ];
    let table = tessera(&["check"], &vars);
    for service in ["redis", "chat: openai", "payments: paypal", "mail"] {
        let row = format!("FAILED  {service} ");
        let line = table.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("{service}: {table}"));
        assert!(line.contains("certificate") && line.to_lowercase().contains("expired"), "{line}");
    }
    let uri = format!("mongodb://{addr}/x?tls=true&tlsCAFile={}", ca.display());
    let line = tessera(&[], &[("MONGODB_URI", &uri), ("SITE_ADDR", "127.0.0.1:0")]);
    assert!(line.starts_with("tessera: MONGODB_URI: ") && line.contains("certificate"), "{line}");
    assert!(line.to_lowercase().contains("expired") && line.lines().count() == 1, "{line}");
}

/// A peer that is no Redis, or one that is not well: it says what users wrote, wherever it can.
#[tokio::test(flavor = "multi_thread")]
async fn what_redis_says_is_told_to_nobody() {
    for answer in [
        "$22\r\nWORD of a user: secret\r\n",
        "-ERR WORD of a user\r\n",
        "-WORD of a user\r\n",
        "+WORD\r\n",
        "*1\r\n+WORD\r\n",
    ] {
        // Writes are done, so that it counts as there.
        for writes in ["+OK\r\n", answer] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("redis://{}", listener.local_addr().unwrap());
            tokio::spawn(async move {
                while let Ok((connection, _)) = listener.accept().await {
                    tokio::spawn(answer_all(connection, answer, writes));
                }
            });
            let app = TestApp::start_with(&[("REDIS_URL", &url), ("CHAT_CACHE", "shared")]).await;
            let user = app.user().await;
            for _ in 0..4 {
                assert_eq!(user.chat("#tokens=1").await.0, 200);
                let ready = user.get("/readyz").send().await.unwrap().text().await.unwrap();
                assert!(!ready.contains("WORD"), "{ready}");
            }
        }
    }
}

/// One answer for each command.
async fn answer_all(mut connection: tokio::net::TcpStream, answer: &str, writes: &str) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = connection.read(&mut bytes).await {
        let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
        for command in text.split('*').skip(1) {
            let is_write = command.contains("\r\nSET\r\n") || command.contains("\r\nCLIENT\r\n");
            let answer = if is_write { writes } else { answer };
            if connection.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}
