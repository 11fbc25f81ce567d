//! How long a connection may take over what, and how many somebody may have.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fake_openai::FakeOpenAi;
use crate::program::{Program, variables};
use crate::support::{TestApp, User, answer};

/// Whatever comes until the server closes the connection, which it has to within half a minute.
async fn until_closed(addr: SocketAddr, sent: &str) -> String {
    let mut connection = TcpStream::connect(addr).await.unwrap();
    connection.write_all(sent.as_bytes()).await.unwrap();
    let mut told = Vec::new();
    // Closed with a reset is closed too.
    _ = timeout(Duration::from_secs(30), connection.read_to_end(&mut told)).await.expect("the server lets it be");
    String::from_utf8_lossy(&told).into_owned()
}

#[tokio::test]
async fn who_does_not_say_what_they_want_is_not_waited_for() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let cookie = user.cookie.clone().unwrap();
    let begun = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
    let body = format!(
        "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nContent-Type: application/json\r\n\
         Content-Length: 60\r\n\r\n{{\"message\": \""
    );
    let told = join_all([
        until_closed(app.addr, ""),
        until_closed(app.addr, begun),
        until_closed(app.addr, "PRI * HTTP/2"),
        until_closed(app.addr, &body),
    ])
    .await;
    assert!(told[3].starts_with("HTTP/1.1 400"), "{told:?}");
    // An idle connection lives longer, but not with half a request.
    let mut idle = TcpStream::connect(app.addr).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    idle.read_exact(&mut [0; 15]).await.unwrap();
    idle.write_all(b"GET /healthz HTT").await.unwrap();
    _ = timeout(Duration::from_secs(30), idle.read_to_end(&mut Vec::new())).await.expect("the server lets it be");
    assert_eq!(user.credits().await["available"], 10);
}

#[tokio::test]
async fn an_address_has_only_so_many_connections() {
    let app = TestApp::start_with(&[("MAX_CONNECTIONS_PER_ADDRESS", "20")]).await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut connection = TcpStream::connect(app.addr).await.unwrap();
        connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut byte = [0];
        connection.read_exact(&mut byte).await.unwrap();
        open.push(connection);
    }
    let mut one_more = TcpStream::connect(app.addr).await.unwrap();
    let closed = timeout(Duration::from_secs(5), one_more.read(&mut [0])).await.expect("it is closed at once");
    assert!(closed.is_err() || closed.is_ok_and(|read| read == 0));
    // Another address is served, and so is this one when it has closed some.
    let elsewhere = reqwest::Client::builder().local_address(std::net::IpAddr::from([127, 0, 0, 2])).build().unwrap();
    assert_eq!(elsewhere.get(format!("http://{}/healthz", app.addr)).send().await.unwrap().status(), 200);
    open.clear();
    let visitor = app.visitor();
    for _ in 0..100 {
        if visitor.get("/healthz").send().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("closed connections are counted for ever");
}

#[tokio::test]
async fn a_user_follows_only_so_many_streams_at_once() {
    let app = TestApp::start_with(&[("MAX_STREAMS_PER_USER", "2")]).await;
    let (user, other) = (app.user().await, app.user().await);
    let mut first = user.chat_stream(&json!({"message": "#tokens=1 #stall"})).await;
    let (_, start) = first.next_named("start").await;
    let id = start["messageId"].as_str().unwrap().to_owned();
    let second = user.watch(&id, None).await;
    let events = || user.get(&format!("/api/chat/{id}/events"));
    let refused = events().send().await.unwrap();
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(refused.status(), 429);
    let body = json!({"message": "one more"});
    let (status, refused) = answer(user.post("/api/chat").header(ACCEPT, "text/event-stream").json(&body)).await;
    assert_eq!((status, refused["code"].as_str()), (429, Some("rate_limited")));
    // A client of `/v1` follows one as well; what comes whole is none.
    let program = user.with_key(&json!({})).await;
    let ask =
        |stream: bool| json!({"model": "tessera", "messages": [{"role": "user", "content": "hi"}], "stream": stream});
    let (status, refused) = program.post_json("/v1/chat/completions", &ask(true)).await;
    assert_eq!((status, refused["error"]["code"].as_str()), (429, Some("rate_limit_exceeded")), "{refused}");
    // Nothing was begun, and others are not concerned.
    assert_eq!(user.credits().await["held"], 1);
    assert_eq!(program.post_json("/v1/chat/completions", &ask(false)).await.0, 200);
    drop(other.chat_stream(&json!({"message": "hi"})).await);
    drop(second);
    for _ in 0..200 {
        if events().send().await.unwrap().status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("a stream that was left is counted for ever");
}

#[tokio::test]
async fn a_stream_of_v1_is_counted_until_it_ends() {
    let app = TestApp::start_with(&[("MAX_STREAMS_PER_USER", "1")]).await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    let body =
        |content: &str| json!({"model": "tessera", "messages": [{"role": "user", "content": content}], "stream": true});
    let ask = |content: &str| program.post("/v1/chat/completions").json(&body(content)).send();
    let open = ask("#tokens=1 #stall").await.unwrap();
    assert_eq!(open.status(), 200);
    assert_eq!(ask("hi").await.unwrap().status(), 429);
    // Any stream of the user is one.
    let request = user.post("/api/chat").header(ACCEPT, "text/event-stream").json(&json!({"message": "hi"}));
    assert_eq!(request.send().await.unwrap().status(), 429);
    drop(open);
    for _ in 0..200 {
        if ask("hi").await.unwrap().status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("a stream that was left is counted for ever");
}

const LARGE: usize = 20 * 1024 * 1024;

/// The answer to a head alone, whose body never comes.
async fn told_before_the_body(addr: SocketAddr, path: &str, more: &str) -> String {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {LARGE}\r\n{more}\r\n"
    );
    let mut connection = TcpStream::connect(addr).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut told = vec![0; 4096];
    let read =
        timeout(Duration::from_secs(5), connection.read(&mut told)).await.expect("the body is waited for").unwrap();
    String::from_utf8_lossy(&told[..read]).into_owned()
}

#[tokio::test]
async fn who_may_send_a_large_body_is_asked_before_it_is_read() {
    let app = TestApp::start().await;
    for path in ["/api/chat", "/v1/chat/completions"] {
        let told = told_before_the_body(app.addr, path, "").await;
        assert!(told.starts_with("HTTP/1.1 401"), "{path}: {told}");
        let told = told_before_the_body(app.addr, path, "Authorization: Bearer tsk_wrong\r\n").await;
        assert!(told.starts_with("HTTP/1.1 401"), "{path}: {told}");
    }
    // Who sends it all the same sees the answer, and not a broken connection.
    let body = json!({"message": "hi", "images": ["x".repeat(LARGE)]});
    assert_eq!(app.visitor().post_json("/api/chat", &body).await.0, 401);
}

#[tokio::test]
async fn large_bodies_that_are_wrong_count_against_the_user() {
    let app = TestApp::start_with(&[("RATE_LIMIT_PER_MINUTE", "3")]).await;
    let (user, other) = (app.user().await, app.user().await);
    let body = json!({"message": "hi", "images": ["x".repeat(100_000)]});
    for _ in 0..3 {
        assert_eq!(user.post_json("/api/chat", &body).await.0, 400);
    }
    let cookie = format!("Cookie: {}\r\n", user.cookie.clone().unwrap());
    let told = told_before_the_body(app.addr, "/api/chat", &cookie).await;
    assert!(told.starts_with("HTTP/1.1 429") && told.to_lowercase().contains("retry-after"), "{told}");
    // A small one is another matter, and so is another user.
    assert_eq!(user.chat("hi").await.0, 200);
    assert_eq!(other.post_json("/api/chat", &body).await.0, 400);
}

#[tokio::test]
async fn only_so_many_large_bodies_are_read_at_once() {
    let app = TestApp::start().await;
    let users = [app.user().await, app.user().await, app.user().await];
    let begin = async |user: &User| {
        let head = format!(
            "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {LARGE}\r\nExpect: 100-continue\r\n\r\n",
            user.cookie.clone().unwrap()
        );
        let mut connection = TcpStream::connect(app.addr).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        connection
    };
    let read = async |connection: &mut TcpStream| {
        let mut told = [0; 4096];
        let read = timeout(Duration::from_secs(30), connection.read(&mut told)).await.unwrap().unwrap();
        String::from_utf8_lossy(&told[..read]).into_owned()
    };
    // Told to go on: they are being read.
    let mut first = begin(&users[0]).await;
    let mut second = begin(&users[1]).await;
    assert!(read(&mut first).await.starts_with("HTTP/1.1 100"));
    assert!(read(&mut second).await.starts_with("HTTP/1.1 100"));
    // There is no room for a third, until it has waited for long enough.
    let mut third = begin(&users[2]).await;
    assert!(read(&mut third).await.starts_with("HTTP/1.1 503"));
    // Small ones are not concerned.
    assert_eq!(users[2].chat("hi").await.0, 200);
    drop(first);
    let body = json!({"message": "hi", "images": ["x".repeat(LARGE)]});
    let (status, told): (u16, Value) = users[2].post_json("/api/chat", &body).await;
    assert_eq!((status, told["field"].as_str()), (400, Some("images")), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_is_in_memory_once() {
    let upstream = FakeOpenAi::start().await;
    let program = Program::start(variables(&upstream, &[])).await;
    let mut user = User::new(program.addr);
    user.register().await;
    user.chat("hi").await;
    // A password takes some, and is done.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    program.peak_memory();
    let quiet = program.peak_memory();
    let image = format!("data:image/png;base64,{}", "iVBORw0KGgoAAAA/".repeat(LARGE / 16));
    let shown = json!({"type": "image_url", "image_url": {"url": &image}});
    let asked = json!({"model": "tessera", "messages": [{"role": "user", "content": [shown]}]}).to_string();
    let sent = json!({"message": "hi", "images": [&image]}).to_string();
    for (path, body) in [
        ("/api/chat", sent.clone()),
        ("/api/chat", sent.replace('/', "\\/")),
        ("/v1/chat/completions", asked.clone()),
        ("/v1/chat/completions", asked.replace('/', "\\/")),
    ] {
        let length = body.len();
        let request =
            user.post(path).header("content-type", "application/json").header("idempotency-key", "k").body(body);
        let (status, told) = crate::support::answer(request).await;
        assert!(status == 400 && told.to_string().contains("4 MiB"), "{told}");
        let taken = program.peak_memory().saturating_sub(quiet);
        // With what is decoded of it, and what the last one took and was not given back yet.
        assert!(taken < length * 2, "{path}: {taken} of {length}");
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
}
