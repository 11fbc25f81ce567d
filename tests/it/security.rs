//! Headers, request ids, forms from elsewhere, methods, sizes.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use serde_json::json;

use crate::support::{PASSWORD, TestApp, answer};

#[tokio::test]
async fn every_answer_has_an_id_and_a_valid_one_is_kept() {
    let app = TestApp::start().await;
    let visitor = app.visitor();
    for path in ["/", "/healthz", "/api/credits", "/nowhere", "/api/nowhere", "/sign-in"] {
        let response = visitor.get(path).send().await.unwrap();
        assert_eq!(response.headers()["x-request-id"].len(), 36, "{path}");
    }
    let response = visitor.get("/api/credits").header("x-request-id", "mine-1").send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "mine-1");
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!((&body["success"], &body["requestId"]), (&json!(false), &json!("mine-1")));
    let response = visitor.get("/").header("x-request-id", "not valid!").send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"].len(), 36);
    // The ledger knows the request that moved the credits.
    let user = app.user().await;
    let body = json!({"message": "hi"});
    assert_eq!(
        answer(user.post("/api/chat").header("x-request-id", "ask-7").json(&body)).await.1["requestId"],
        "ask-7"
    );
    let (_, ledger) = user.get_json("/api/credits/ledger").await;
    assert_eq!(ledger["data"]["items"][0]["requestId"], "ask-7");
}

#[tokio::test]
async fn every_answer_tells_the_browser_what_is_forbidden() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for path in ["/", "/sign-in", "/chat", "/dashboard", "/nowhere", "/api/auth/me", "/healthz"] {
        let visitor = if matches!(path, "/" | "/sign-in") { app.visitor() } else { user.clone() };
        let response = visitor.get(path).send().await.unwrap();
        let headers = response.headers();
        let csp = headers["content-security-policy"].to_str().unwrap();
        // What is fetched ahead of the app is judged by it.
        let default = if path == "/sign-in" { "default-src 'self'; object-src 'none'" } else { "default-src 'none'" };
        assert!(csp.contains(default) && csp.contains("frame-ancestors 'none'"), "{path}: {csp}");
        assert!(
            !csp.contains("unsafe-inline") && !csp.contains("unsafe-eval'; ") && !csp.contains(" 'unsafe-eval'"),
            "{path}: {csp}"
        );
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(headers["referrer-policy"], "same-origin", "{path}");
        assert!(!headers.contains_key("strict-transport-security"));
    }
    let nonce = async || {
        let response = user.get("/chat").send().await.unwrap();
        let csp = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        csp.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned()
    };
    assert_ne!(nonce().await, nonce().await);
    let secure = TestApp::start_with(&[("PUBLIC_URL", "https://chat.example.org")]).await;
    let response = secure.visitor().get("/").send().await.unwrap();
    assert!(response.headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn what_comes_from_another_site_changes_nothing() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let body = json!({"message": "hi"});
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        for path in ["/api/chat", "/api/auth/logout", "/sign-out", "/theme", "/fn/load_dashboard"] {
            let (status, answer) = answer(user.post(path).header(name, value).json(&body)).await;
            assert_eq!((status, answer["code"].as_str()), (403, Some("forbidden")), "{path} {name}: {value}");
        }
    }
    for (name, value) in [("sec-fetch-site", "same-origin"), ("origin", "http://localhost:3000")] {
        assert_eq!(answer(user.post("/api/chat").header(name, value).json(&body)).await.0, 200, "{name}: {value}");
    }
    assert_eq!(user.credits().await["available"], 8);
}

/// What browsers accept where they show what comes.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn whoever_sends_a_form_of_another_site_from_a_browser_is_told_on_a_page() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let from_elsewhere = |accept: &'static str, language: &'static str| {
        let form = user.post_form("/dashboard", &[("code", "WELCOME")]).header("sec-fetch-site", "cross-site");
        form.header("accept", accept).header("accept-language", language)
    };
    for (language, told) in [("en", "sent from another site"), ("zh", "来自其他网站")] {
        let response = from_elsewhere(BROWSER, language).send().await.unwrap();
        let headers = response.headers();
        assert_eq!(
            (response.status().as_u16(), &headers["content-type"]),
            (403, &"text/html; charset=utf-8".parse().unwrap())
        );
        assert!(headers["content-security-policy"].to_str().unwrap().contains("style-src"), "{headers:?}");
        assert_eq!(headers["x-frame-options"], "DENY");
        let page = response.text().await.unwrap();
        assert!(page.contains(told) && page.contains("href=\"/dashboard\""), "{page}");
    }
    // Scripts get what they know, and so does what is sent to the API.
    for accept in ["*/*", "application/json", "application/json, text/plain, */*"] {
        assert_eq!(answer(from_elsewhere(accept, "en")).await.1["code"], "forbidden", "{accept}");
    }
    let api = user.post("/api/auth/logout").header("accept", BROWSER).header("sec-fetch-site", "cross-site");
    assert_eq!(answer(api).await.1["code"], "forbidden");
}

#[tokio::test]
async fn whoever_sends_forms_too_often_from_a_browser_is_told_on_a_page() {
    let app = TestApp::start_with(&[("RATE_LIMIT_PER_MINUTE", "10")]).await;
    let user = app.user().await;
    // So large that it is asked before reading whether it may come.
    let send = |accept: &'static str| {
        let form = user.post("/account/avatar").header("content-type", "multipart/form-data; boundary=x");
        form.header("accept", accept).body(vec![b'x'; 100_000])
    };
    let mut sent = 0;
    let refused = loop {
        let response = send(BROWSER).send().await.unwrap();
        if response.status() == 429 {
            break response;
        }
        sent += 1;
        assert!(sent < 1000, "there is no end to it: {}", response.status());
    };
    let headers = refused.headers().clone();
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert!(headers.contains_key("retry-after") && headers["ratelimit-remaining"] == "0", "{headers:?}");
    let page = refused.text().await.unwrap();
    assert!(page.contains("Too many requests") && page.contains("href=\"/account\""), "{page}");
    let (status, body) = answer(send("*/*")).await;
    assert_eq!((status, &body["code"]), (429, &json!("rate_limited")));
}

#[tokio::test]
async fn sizes_methods_and_unknown_addresses_get_clear_answers() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let large = json!({"email": "x".repeat(100_000)});
    assert_eq!(user.post_json("/api/auth/login", &large).await.1["code"], "too_large");
    assert_eq!(answer(user.request(reqwest::Method::DELETE, "/api/credits")).await.1["code"], "method_not_allowed");
    assert_eq!(user.get_json("/api/nowhere").await.1["code"], "not_found");
    let page = user.get("/nowhere").send().await.unwrap();
    assert_eq!(
        (page.status().as_u16(), page.headers()["content-type"].to_str().unwrap()),
        (404, "text/html; charset=utf-8")
    );
    for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/pkg/..%2f..%2fCargo.toml", "/.env"] {
        assert_eq!(user.get(path).send().await.unwrap().status(), 404, "{path}");
    }
}

#[tokio::test]
async fn readiness_names_its_parts() {
    let app = TestApp::start().await;
    let (status, body) = app.visitor().get_json("/readyz").await;
    assert_eq!((status, &body["ready"], &body["database"]), (200, &json!(true), &json!(true)));
    assert_eq!(body["chatProviders"][0]["name"], "openai");
    // Draining takes as long as there is something to drain.
    let user = app.user().await;
    let mut events = user.chat_stream(&json!({"message": "#tokens=1 #stall"})).await;
    events.next_named("token").await;
    app.state.generation.shutdown.cancel();
    let (status, body) = app.visitor().get_json("/readyz").await;
    assert_eq!((status, &body["draining"]), (503, &json!(true)));
}

#[tokio::test]
async fn csv_holds_the_whole_ledger() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for _ in 0..3 {
        user.chat("hi").await;
    }
    let response = user.get("/api/credits/ledger?format=csv").send().await.unwrap();
    assert!(response.headers()["content-disposition"].to_str().unwrap().contains("tessera-ledger.csv"));
    let csv = response.text().await.unwrap();
    assert_eq!(csv.lines().count(), 1 + 1 + 6);
    assert!(csv.starts_with(
        "id,kind,amount,heldChange,availableAfter,requestId,reason,createdAt,workId,priceVersion,lots\r\n"
    ));
    assert_eq!(user.get_json("/api/credits/ledger?format=xml").await.1["field"], "format");
}

#[tokio::test]
async fn nothing_secret_is_in_pages_or_errors() {
    let app = TestApp::start().await;
    let user = app.user().await;
    user.chat("#status=401").await;
    for path in ["/", "/chat", "/dashboard", "/sign-in", "/readyz"] {
        let text = user.get(path).send().await.unwrap().text().await.unwrap();
        for secret in ["sk-test-key", PASSWORD, "argon2", &app.upstream.base_url()] {
            assert!(!text.contains(secret), "{path} shows {secret}");
        }
    }
}

#[tokio::test]
async fn choices_are_kept_in_cookies_that_only_travel_encrypted() {
    for (url, secure) in [("http://localhost:3000", false), ("https://chat.example.org", true)] {
        let app = TestApp::start_with(&[("PUBLIC_URL", url)]).await;
        for (path, field, value) in [("/theme", "theme", "dark"), ("/language", "language", "zh")] {
            let response = app.visitor().post_form(path, &[(field, value)]).send().await.unwrap();
            let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
            assert_eq!(cookie.contains("Secure"), secure, "{cookie}");
        }
    }
}

/// A page of another site whose name leads to this server (DNS rebinding) is refused, whatever it asks.
#[tokio::test]
async fn only_names_of_this_site_are_answered() {
    let vars = [("PUBLIC_URL", "https://chat.example.org"), ("ALLOWED_HOSTS", "tessera.internal, *.example.net")];
    let app = TestApp::start_with(&vars).await;
    let ask = async |path: &str, host: &str| {
        let response = app.visitor().get(path).header("host", host).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    for path in ["/", "/sign-in", "/metrics", "/api/providers", "/v1/models", "/nowhere", "/favicon.svg"] {
        for evil in
            ["evil.example", "evil.example:3000", "chat.example.org.evil.example", "example.net", "localhost.evil"]
        {
            let (status, body) = ask(path, evil).await;
            assert_eq!(status, 400, "{path} {evil}");
            assert!(body.contains("ALLOWED_HOSTS"), "{path} {evil}: {body}");
        }
    }
    // A port says nothing, an address cannot be led astray, and names of this machine are this machine.
    let addr = app.addr.to_string();
    for ours in [
        "chat.example.org",
        "CHAT.example.org:8443",
        "chat.example.org.",
        "tessera.internal",
        "a.example.net",
        "a.b.example.net:80",
        "localhost",
        "localhost:3000",
        "127.0.0.1",
        "[::1]:3000",
        &addr,
    ] {
        assert_eq!(ask("/", ours).await.0, 200, "{ours}");
        assert_eq!(ask("/metrics", ours).await.0, 200, "{ours}");
    }
    for probe in ["/healthz", "/readyz"] {
        assert_eq!(ask(probe, "evil.example").await.0, 200, "{probe}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_query_is_said_by_the_name_of_its_field() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (_, said) = user.chat("hi").await;
    let conversation = said["data"]["conversationId"].as_str().unwrap();
    let export = format!("/api/conversations/{conversation}/export");
    for (path, field) in [
        ("/api/conversations", "limit"),
        ("/api/conversations", "q"),
        ("/api/conversations", "pinned"),
        ("/api/images", "cursor"),
        ("/api/credits/ledger", "format"),
        (&export, "format"),
    ] {
        let (status, refused) = user.get_json(&format!("{path}?{field}=1&{field}=2")).await;
        assert_eq!((status, refused["code"].as_str()), (400, Some("invalid_input")), "{path}: {refused}");
        assert_eq!(refused["field"], field, "{path}");
    }
    let report = |query: &str| app.visitor().post(&format!("/api/webhooks/replicate?{query}")).body("{}");
    for query in ["job=none", "job=1&job=2"] {
        let (status, refused) = answer(report(query)).await;
        assert_eq!((status, refused["field"].as_str()), (400, Some("job")), "{query}: {refused}");
    }
}

#[tokio::test]
async fn who_sends_a_form_sees_a_page_whatever_comes_of_it() {
    let app = TestApp::start().await;
    let (user, visitor) = (app.user().await, app.visitor());
    for path in ["/chat", "/images", "/images/0199c1d2-7f00-7000-8000-1234567890ab", "/account"] {
        let response = visitor.post_form(path, &[("message", "hi"), ("action", "delete")]).send().await.unwrap();
        assert_eq!(response.status(), 303, "{path}");
        let next = url::form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>();
        assert_eq!(response.headers()[LOCATION].to_str().unwrap(), format!("/sign-in?next={next}"));
    }
    let forms = ["/sign-in", "/sign-up", "/theme", "/language", "/chat", "/images", "/account"];
    for path in forms {
        for (kind, body, status) in [
            ("application/json", "{}", 415),
            (
                "application/x-www-form-urlencoded",
                "next=a&next=b&message=a&message=b&prompt=a&prompt=b&revoke=1&revoke=2",
                400,
            ),
        ] {
            let who = if path.starts_with("/sign") { &visitor } else { &user };
            let response = who.post(path).header(CONTENT_TYPE, kind).body(body).send().await.unwrap();
            assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8", "{path} {kind}");
            assert_eq!(response.status(), status, "{path} {kind}");
        }
    }
    assert_eq!(user.credits().await["available"], 10);
    for path in ["/sign-in?next=a&next=b", "/sign-up?next=a&next=b"] {
        assert_eq!(visitor.get(path).send().await.unwrap().status(), 200, "{path}");
    }
}

#[tokio::test]
async fn server_functions_answer_with_their_status_and_lead_nowhere() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for path in ["/fn/load_dashboard", "/fn/load_account"] {
        let call = |who: &crate::support::User| {
            who.post_form(path, &[]).header("accept", "text/html").header("referer", "https://evil.example/")
        };
        let refused = call(&app.visitor()).send().await.unwrap();
        assert!(!refused.headers().contains_key(LOCATION), "{path}");
        assert_eq!(refused.status(), 401, "{path}");
        assert_eq!(refused.text().await.unwrap(), "\"Unauthenticated\"", "{path}");
        let well = call(&user).send().await.unwrap();
        assert!(!well.headers().contains_key(LOCATION), "{path}");
        assert_eq!(
            (well.status().as_u16(), well.headers()["cache-control"].to_str().unwrap()),
            (200, "no-store"),
            "{path}"
        );
    }
    let (status, unknown) = answer(user.post_form("/fn/nothing", &[])).await;
    assert_eq!((status, unknown["code"].as_str()), (404, Some("not_found")));
}

#[tokio::test]
async fn what_is_private_is_kept_by_no_cache_and_forgotten_on_signing_out() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (_, said) = user.chat("hi").await;
    let conversation = format!("/api/conversations/{}", said["data"]["conversationId"].as_str().unwrap());
    for path in [
        "/api/auth/me",
        "/api/credits",
        "/api/credits/ledger",
        "/api/credits/ledger?format=csv",
        "/api/conversations",
        &conversation,
        &format!("{conversation}/export"),
        "/api/images",
        "/api/account/keys",
        "/api/providers",
        "/v1/models",
        "/api/nowhere",
    ] {
        let response = user.get(path).send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
    }
    for path in ["/sign-out", "/api/auth/logout"] {
        let response = app.user().await.request(Method::POST, path).send().await.unwrap();
        assert_eq!(response.headers()["clear-site-data"], "\"storage\"", "{path}");
    }
}

#[tokio::test]
async fn no_path_of_the_server_is_told() {
    let app = TestApp::start_with(&[("CHAT_PROVIDERS", "openai,local"), ("LOCAL_MODEL", "/nowhere/model.gguf")]).await;
    let user = app.user().await;
    let (_, providers) = user.get_json("/api/providers").await;
    assert!(providers["data"][1]["problem"].is_string(), "{providers}");
    for path in ["/readyz", "/api/providers", "/chat"] {
        let text = user.get(path).send().await.unwrap().text().await.unwrap();
        assert!(!text.contains("/nowhere"), "{path}");
        assert!(!text.contains(app.data_dir().to_str().unwrap()), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_provider_repeats_is_not_told_on() {
    let provider = wiremock::MockServer::start().await;
    let key = "sk-very-secret-key";
    // Half of it would be left by a text that is cut first.
    let said = format!("{}Incorrect API key provided: {key}.", " ".repeat(143));
    let answer = wiremock::ResponseTemplate::new(401).set_body_json(json!({"error": {"message": said}}));
    wiremock::Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&provider).await;
    let (folder, uri) = (tempfile::TempDir::new().unwrap(), provider.uri());
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_tessera"));
    check.arg("check").current_dir(folder.path()).env_clear().envs([
        ("RUST_LOG", "debug"),
        ("CHAT_PROVIDERS", "openai"),
        ("OPENAI_API_KEY", key),
        ("OPENAI_BASE_URL", uri.as_str()),
    ]);
    let output = tokio::task::spawn_blocking(move || check.output().unwrap()).await.unwrap();
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(told.contains("[redacted]") && !told.contains("sk-very"), "{told}");
}
