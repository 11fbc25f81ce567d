//! What is believed because it is signed: a change of one bit, and it is not.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::HeaderValue;
use secrecy::SecretString;
use serde_json::{Value, json};
use tessera::platform::standard_webhooks::{WebhookError, verify};
use tokio::runtime::Runtime;

use super::{Target, text};
use crate::fake_clerk::{FakeClerk, WEBHOOK_SECRET};
use crate::fake_oidc::FakeIdp;
use crate::fake_paypal::{CertificateHost, Chain, Delivery, FakePayPal};
use crate::oidc::{Browser, start as start_with_provider};
use crate::paypal_reports::{hear, offline, report};
use crate::support::TestApp;

const NOW: u64 = 1_767_225_600;

/// Lines of names and values, a line that is empty, and a body.
fn written(headers: &[(String, String)], body: &str) -> Vec<u8> {
    let mut lines: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    lines.extend([String::new(), body.to_owned()]);
    lines.join("\n").into_bytes()
}

fn read(input: &[u8]) -> (Vec<(String, String)>, String) {
    let whole = text(input);
    let (head, body) = whole.split_once("\n\n").unwrap_or((&whole, ""));
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    (headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), body.to_owned())
}

const WORDS: &[&str] = &[
    "svix-id: ",
    "svix-timestamp: ",
    "svix-signature: ",
    "webhook-id: ",
    "webhook-timestamp: ",
    "webhook-signature: ",
    "v1,",
    "v1a,",
    "v2,",
    " ",
    "\n",
    "\n\n",
    "=",
    "AAAA",
    "paypal-auth-algo: SHA256withRSA",
    "paypal-transmission-id: ",
    "paypal-transmission-sig: ",
    "paypal-transmission-time: ",
    "{",
    "}",
    "[",
    "\"",
    "\"type\":",
    "\"data\":",
    "\"id\":",
    "\"event_type\":",
    "\"resource\":",
    "\"amount\":",
    "\"value\":\"1.00\"",
    "null",
    "|",
];

/// Those of Replicate and of Clerk.
#[test]
fn no_report_is_believed_that_was_changed() {
    let secret = SecretString::from(WEBHOOK_SECRET);
    let key = BASE64_STANDARD.decode(WEBHOOK_SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let body = r#"{"id":"ufawqhfyn","status":"succeeded","output":["https://replicate.delivery/x/out-0.webp"]}"#;
    let (id, time) = ("msg_1", NOW.to_string());
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, format!("{id}.{time}.{body}").as_bytes()));
    let named = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let good = [
        named("webhook-id", id),
        named("webhook-timestamp", &time),
        named("webhook-signature", &format!("v1,{signature}")),
    ];
    let good = written(&good, body);
    let mut believed = 0;
    Target { name: "webhooks", words: WORDS, inputs: 6_000, most: 8_192 }.feed_with(vec![good], |input| {
        let (headers, said) = read(input);
        let header = |name: &str| {
            headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let parts = [header("webhook-id"), header("webhook-timestamp"), header("webhook-signature")];
        match verify(&secret, parts[0], parts[1], parts[2], said.as_bytes(), NOW) {
            Ok(()) => {
                believed += 1;
                assert_eq!((parts[0], parts[1], said.as_str()), (id, time.as_str(), body), "forged");
            }
            Err(error) => assert_ne!(error, WebhookError::Secret),
        }
    });
    assert!(believed > 0, "what was not changed is believed");
}

#[test]
fn no_report_of_paypal_is_believed_that_was_changed() {
    let runtime = Runtime::new().unwrap();
    let (fake, chain) = (runtime.block_on(FakePayPal::start()), Chain::of_paypal());
    let host = runtime.block_on(CertificateHost::start(&chain));
    let paypal = offline(&fake, &host, &chain);
    let good = report(&fake);
    let start = written(
        &good.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<Vec<_>>(),
        &good.body,
    );
    let of = |delivery: &Delivery, name: &str| delivery.header_map().get(name).map(|value| value.as_bytes().to_vec());
    let mut believed = 0;
    Target { name: "webhooks", words: WORDS, inputs: 400, most: 8_192 }.feed_with(vec![start], |input| {
        let (headers, body) = read(input);
        let mut changed = good.clone();
        for (name, _) in &good.headers {
            let found = headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            changed = match found.filter(|value| HeaderValue::from_str(value).is_ok()) {
                Some(value) => changed.with(name, value),
                None => changed.without(name),
            };
        }
        changed.body = body;
        if runtime.block_on(hear(&paypal, &changed)).is_ok() {
            believed += 1;
            assert_eq!(changed.body, good.body, "forged");
            for name in ["paypal-transmission-id", "paypal-transmission-time"] {
                assert_eq!(of(&changed, name), of(&good, name), "forged");
            }
        }
    });
    assert!(believed > 0, "what was not changed is believed");
}

const TOKEN: &[&str] = &[
    ".",
    "..",
    "=",
    "e30",
    "eyJhbGciOiJub25lIn0",
    "eyJhbGciOiJIUzI1NiJ9",
    "eyJhbGciOiJSUzI1NiJ9",
    "AAAA",
    "_",
    "-",
    "+",
    "/",
    " ",
    "\"",
    "{",
    "}",
    "\"id_token\":",
    "\"access_token\":\"a\"",
    "\"token_type\":\"Bearer\"",
    "null",
    ",",
    ":",
    "[",
    "]",
];

/// Those of Clerk, in the header and in the cookie.
#[test]
fn no_token_of_a_session_is_believed_that_was_changed() {
    let runtime = Runtime::new().unwrap();
    let (clerk, app) = runtime.block_on(async {
        let clerk = FakeClerk::start("http://localhost:3000", false).await;
        clerk.add_user("user_1", "ada@example.org", true);
        let vars = [&clerk.vars()[..], &[("RATE_LIMIT_PER_MINUTE", "1000000")]].concat();
        let app = TestApp::start_with(&vars).await;
        (clerk, app)
    });
    let mut claims = clerk.claims("user_1");
    // It must last for as long as the target is fed.
    claims["exp"] = json!(claims["iat"].as_i64().unwrap() + 86_400);
    let good = clerk.signing().sign(&claims);
    let visitor = app.visitor();
    let mut believed = 0;
    Target { name: "tokens", words: TOKEN, inputs: 200, most: 8_192 }.feed_with(
        vec![good.clone().into_bytes()],
        |input| {
            let token = text(input);
            let Ok(bearer) = HeaderValue::from_str(&format!("Bearer {token}")) else { return };
            let cookie = HeaderValue::from_str(&format!("__session={token}; __client_uat=1")).unwrap();
            for (name, value) in [("authorization", bearer), ("cookie", cookie)] {
                let request = visitor.get("/api/auth/me").header(name, value);
                let Ok(response) = runtime.block_on(request.send()) else { continue };
                assert_ne!(response.status(), 500);
                if response.status() == 200 {
                    believed += 1;
                    // A cookie ends where the next begins.
                    let said = if name == "cookie" { token.split(';').next().unwrap_or_default() } else { &token };
                    assert_eq!(said.trim(), good, "forged");
                }
            }
        },
    );
    assert!(believed > 0, "what was not changed is believed");
}

/// Those of an identity provider, in the answer to a code.
#[test]
fn no_id_token_is_believed_that_was_changed() {
    let runtime = Runtime::new().unwrap();
    let (idp, app) = runtime.block_on(async {
        let idp = FakeIdp::start().await;
        let app = start_with_provider(&idp, &[("RATE_LIMIT_PER_MINUTE", "1000000")]).await;
        (idp, app)
    });
    let mut at_the_provider = Browser::at(&app);
    let to = runtime.block_on(at_the_provider.leave("/sign-in/one", &[("next", "/images")]));
    let claims = json!({ "sub": "ada", "email": "ada@example.org", "email_verified": true, "name": "Ada" });
    let back = idp.consent(&to, &claims);
    // A day is longer than any test, and than a sign-in may take: that ends after a quarter of an hour.
    let good = idp.token_of(&back);
    let start = json!({ "id_token": good, "access_token": "a", "token_type": "Bearer" }).to_string();
    let mut believed = 0;
    Target { name: "tokens", words: TOKEN, inputs: 120, most: 8_192 }.feed_with(vec![start.into_bytes()], |input| {
        let said = text(input);
        idp.script().token_body = Some(said.clone());
        // The browser of before it came back.
        let mut browser = at_the_provider.clone();
        let response = runtime.block_on(browser.get(&back));
        assert_ne!(response.status(), 500);
        if browser.jar.contains_key("tessera_session") {
            believed += 1;
            let read: Value = serde_json::from_str(&said).unwrap();
            assert_eq!(read["id_token"], good, "forged");
        }
    });
    assert!(believed > 0, "what was not changed is believed");
}
