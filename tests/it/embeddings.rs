//! Embeddings: one charge for what came whole, none for anything else.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::fake_openai::FakeOpenAi;
use crate::support::{TestApp, User};

const PATH: &str = "/v1/embeddings";

async fn start(vars: &[(&str, &str)]) -> (TestApp, User, User) {
    let own = [("OPENAI_EMBEDDING_MODEL", "fake-embedding"), ("CHAT_TIMEOUT_SECS", "1")];
    let app = TestApp::start_with(&[&own[..], vars].concat()).await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    (app, user, program)
}

fn ask(input: &Value) -> Value {
    json!({ "model": "fake-embedding", "input": input })
}

async fn available(user: &User) -> Value {
    for _ in 0..100 {
        let credits = user.credits().await;
        if credits["held"] == 0 {
            return credits["available"].clone();
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("a hold stays");
}

#[tokio::test]
async fn every_form_of_an_input_is_embedded_and_charged_once() {
    let (app, user, program) = start(&[]).await;
    for (number, input) in [json!("a"), json!(["a", "b"]), json!([1, 2, 3]), json!([[1, 2], [3]])].iter().enumerate() {
        let (status, body) = program.post_json(PATH, &ask(input)).await;
        assert_eq!(status, 200, "{body}");
        let count = body["data"].as_array().unwrap().len();
        assert_eq!((&body["object"], &body["model"]), (&json!("list"), &json!("fake-embedding")));
        let last = &body["data"][count - 1];
        assert_eq!((&last["object"], &last["index"]), (&json!("embedding"), &json!(count - 1)));
        assert_eq!(last["embedding"], [json!([0.5, 0.0]), json!([0.5, 1.0])][count - 1]);
        assert_eq!(available(&user).await, 9 - number, "{input}");
    }
    let mut more = ask(&json!("a"));
    more["encoding_format"] = "base64".into();
    more["dimensions"] = 2.into();
    let (_, body) = program.post_json(PATH, &more).await;
    assert_eq!(body["data"][0]["embedding"], "AAAAPwAAAAA=");
    let (headers, asked) = app.upstream.seen.last.lock().unwrap().clone().unwrap();
    assert_eq!((&asked["model"], &asked["dimensions"]), (&json!("fake-embedding"), &json!(2)));
    assert_eq!(headers["authorization"], "Bearer sk-test-key");
    let (_, models) = program.get_json("/v1/models").await;
    let kinds: Vec<_> = models["data"].as_array().unwrap().iter().map(|model| model["kind"].clone()).collect();
    assert_eq!(kinds, [Value::Null, Value::Null, json!("embedding")]);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn what_fails_is_free_and_said_in_the_shape_of_openai() {
    let (app, user, program) = start(&[]).await;
    for (input, status) in
        [("#status=500", 502), ("#status=400", 400), ("#status=429", 429), ("#short", 502), ("#stall", 504)]
    {
        let (got, body) = program.post_json(PATH, &ask(&json!([input, "b"]))).await;
        assert_eq!(got, status, "{input}: {body}");
        assert!(body["error"]["message"].is_string() && body["error"]["type"].is_string(), "{body}");
        assert_eq!(available(&user).await, 10, "{input}");
    }
    let calls = app.upstream.calls();
    for (body, field) in [
        (json!({ "model": "fake-embedding", "input": "" }), "input"),
        (json!({ "model": "fake-embedding", "input": [] }), "input"),
        (json!({ "model": "fake-embedding" }), "input"),
        (json!({ "model": "fake-embedding", "input": "a", "encoding_format": "x" }), "encoding_format"),
        (json!({ "model": "fake-embedding", "input": "a", "dimensions": 0 }), "dimensions"),
        (json!({ "model": "fake-model", "input": "a" }), "model"),
    ] {
        let (status, answer) = program.post_json(PATH, &body).await;
        assert!(status == if field == "model" { 404 } else { 400 }, "{answer}");
        assert_eq!(answer["error"]["param"], field, "{answer}");
    }
    assert_eq!(app.upstream.calls(), calls, "nobody was asked");
    // Nor does it embed what chats.
    let chat = json!({ "model": "fake-embedding", "messages": [{ "role": "user", "content": "a" }] });
    assert_eq!(program.post_json("/v1/chat/completions", &chat).await.0, 404);
    assert_eq!(available(&user).await, 10);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn without_a_model_for_it_the_variable_is_named() {
    let app = TestApp::start().await;
    let program = app.user().await.with_key(&json!({})).await;
    let (status, body) = program.post_json(PATH, &ask(&json!("a"))).await;
    assert_eq!(status, 404);
    assert!(body["error"]["message"].as_str().unwrap().contains("OPENAI_EMBEDDING_MODEL"), "{body}");
}

#[tokio::test]
async fn providers_of_the_file_embed_each_with_its_own_price() {
    let (near, far) = (FakeOpenAi::start().await, FakeOpenAi::start().await);
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let provider = |name: &str, upstream: &FakeOpenAi, embeds: &str| {
        let address = upstream.base_url();
        // It lists the model that embeds among those that chat, as servers do.
        let models = format!("[[provider.model]]\nname = \"chats\"\n[[provider.model]]\nname = \"{embeds}\"\n");
        let head = format!("name = \"{name}\"\nkind = \"openai\"\nbase_url = \"{address}\"\nkey = \"FAR_API_KEY\"\n");
        format!("[[provider]]\n{head}headers = {{ \"x-team\" = \"blue\" }}\nembeds = \"{embeds}\"\n{models}")
    };
    let both = [provider("near", &near, "embeds-1"), provider("far", &far, "embeds-1")].concat();
    let (providers, prices) = (
        file("providers.toml", &format!("only = true\n{both}")),
        file("prices.toml", "[[model]]\nname = \"embeds-1\"\nprovider = \"far\"\nflat = 3\n"),
    );
    let vars = [("PROVIDERS_FILE", providers.as_str()), ("PRICES_FILE", &prices), ("FAR_API_KEY", "k-1")];
    let app = TestApp::start_with(&vars).await;
    let user = app.user().await;
    let program = user.with_key(&json!({})).await;
    let (_, models) = program.get_json("/v1/models").await;
    let embeds = models["data"].as_array().unwrap().iter().filter(|model| model["id"] == "embeds-1");
    assert_eq!(embeds.map(|model| &model["kind"]).collect::<Vec<_>>(), ["embedding"], "{models}");
    for (model, at, left) in [("embeds-1", &near, 9), ("near/embeds-1", &near, 8), ("far/embeds-1", &far, 5)] {
        let calls = at.calls();
        let (status, body) = program.post_json(PATH, &json!({ "model": model, "input": "a" })).await;
        assert_eq!((status, &body["model"]), (200, &json!("embeds-1")), "{model}: {body}");
        let (headers, asked) = at.seen.last.lock().unwrap().clone().unwrap();
        assert_eq!((at.calls(), &asked["model"]), (calls + 1, &json!("embeds-1")), "{model}");
        assert_eq!(
            (&headers["authorization"], &headers["x-team"]),
            (&"Bearer k-1".parse().unwrap(), &"blue".parse().unwrap())
        );
        assert_eq!(available(&user).await, left, "{model}");
    }
    let (status, body) = program.post_json(PATH, &json!({ "model": "far/chats", "input": "a" })).await;
    assert_eq!(status, 404, "{body}");
    app.assert_books_balance().await;
}

#[tokio::test]
async fn nobody_without_credits_is_served_and_a_retry_is_charged_once() {
    let (app, user, program) = start(&[("FREE_CREDITS", "1")]).await;
    let keyed = async |input: &str| {
        let request = program.post(PATH).header("idempotency-key", "once").json(&ask(&json!(input)));
        crate::support::answer(request).await
    };
    let ((status, first), second, third) = tokio::join!(keyed("a"), keyed("a"), keyed("a"));
    assert_eq!(status, 200, "{first}");
    assert_eq!((&second, &third), (&(200, first.clone()), &(200, first.clone())), "at once");
    assert_eq!(available(&user).await, 0);
    assert_eq!(keyed("a").await, (200, first), "the same once more");
    assert_eq!(keyed("b").await.0, 409, "another body");
    assert_eq!(app.upstream.calls(), 1);
    assert_eq!(program.post_json(PATH, &ask(&json!("a"))).await.0, 402);
    assert_eq!(app.upstream.calls(), 1);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_price_per_token_is_that_of_what_was_used() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let prices = "[[model]]\nname = \"fake-embedding\"\ninput = 1000\noutput = 1000\n";
    std::fs::write(file.path(), prices).unwrap();
    let (app, user, program) = start(&[("PRICES_FILE", file.path().to_str().unwrap())]).await;
    // The provider says four tokens, of a million for 1,000 credits.
    let (status, body) = program.post_json(PATH, &ask(&json!(["one two", "three"]))).await;
    assert_eq!((status, &body["usage"]["prompt_tokens"]), (200, &json!(4)), "{body}");
    assert_eq!(available(&user).await, json!(9.996));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn whoever_leaves_before_the_answer_pays_nothing() {
    let (app, user, program) = start(&[]).await;
    let request = tokio::spawn(program.post(PATH).json(&ask(&json!(["#stall"]))).send());
    while app.upstream.calls() == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    request.abort();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(available(&user).await, 10);
    assert_eq!(user.ledger_kinds().await, ["grant", "hold", "release"]);
    app.assert_books_balance().await;
}
