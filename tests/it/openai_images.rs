//! Images from servers that speak OpenAI's.

use std::time::Duration;

use bytes::Bytes;
use tessera::generation::ProviderError;
use tessera::images::AspectRatio;
use tessera::images::server::picture::sniff;
use tessera::images::server::providers::{ImageOrder, ImageProvider, OpenAiImageConfig, OpenAiImageProvider, Step};
use tessera::platform::ids::ImageId;

use crate::fake_openai_images::FakeOpenAiImages;
use crate::scripted::{Script, Scripted};

fn provider(fake: &FakeOpenAiImages, model: &str) -> OpenAiImageProvider {
    let base_url = fake.url.parse().unwrap();
    let config = OpenAiImageConfig { api_key: Some("sk-hush".into()), model: model.into(), base_url };
    OpenAiImageProvider::new(config).unwrap()
}

async fn paint(provider: &OpenAiImageProvider, prompt: &str) -> Result<Bytes, ProviderError> {
    let order = ImageOrder {
        id: ImageId::now_v7(),
        prompt: prompt.into(),
        aspect_ratio: AspectRatio::Tall,
        seed: 1,
        time_left: Duration::from_mins(1),
    };
    match provider.start(&order).await? {
        Step::Made { remote_id: None, source } => provider.fetch(source).await,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn gpt_models_and_others_are_asked_each_in_their_way() {
    let fake = FakeOpenAiImages::start().await;
    for (model, key, value) in [
        ("gpt-image-2", "output_format", "png"),
        ("chatgpt-image-latest", "output_format", "png"),
        ("stable-diffusion", "response_format", "b64_json"),
    ] {
        let bytes = paint(&provider(&fake, model), "a cat").await.unwrap();
        assert!(sniff(&bytes).is_some());
        let (headers, body) = fake.seen.last.lock().unwrap().clone().unwrap();
        assert_eq!(headers["authorization"], "Bearer sk-hush");
        let mut expected = serde_json::json!({ "model": model, "prompt": "a cat", "n": 1, "size": "1024x1536" });
        expected[key] = value.into();
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn an_address_is_followed_only_to_the_same_server_and_without_the_key() {
    let fake = FakeOpenAiImages::start().await;
    let provider = provider(&fake, "own");
    assert!(paint(&provider, "#url").await.is_ok());
    let error = paint(&provider, "#elsewhere").await.unwrap_err();
    assert!(matches!(error, ProviderError::Malformed(_)), "{error}");
}

#[tokio::test]
async fn each_refusal_says_whose_fault_it_is() {
    let fake = FakeOpenAiImages::start().await;
    let provider = provider(&fake, "gpt-image-2");
    let refused = async |prompt: &str| paint(&provider, prompt).await.unwrap_err();
    assert!(matches!(refused("#blocked").await, ProviderError::Blocked(text) if text.contains("moderation_blocked")));
    assert!(matches!(refused("#quota").await, ProviderError::Unavailable(_)));
    assert_eq!(refused("#status=429").await, ProviderError::RateLimited { retry_after: Some(Duration::from_secs(7)) });
    assert!(matches!(refused("#status=400").await, ProviderError::Rejected(_)));
    for status in [401, 403, 404, 500] {
        assert!(matches!(refused(&format!("#status={status}")).await, ProviderError::Unavailable(_)), "{status}");
    }
    for prompt in ["#empty", "#garbage", "#endless"] {
        assert!(matches!(refused(prompt).await, ProviderError::Malformed(_)), "{prompt}");
    }
}

#[tokio::test]
async fn it_gives_no_ids_to_ask_for() {
    let fake = FakeOpenAiImages::start().await;
    let provider = provider(&fake, "gpt-image-2");
    assert!(matches!(provider.look("abc").await, Err(ProviderError::Rejected(_))));
    assert_eq!(provider.cancel("abc").await, Ok(()));
}

#[tokio::test]
async fn what_a_strict_server_does_not_take_is_left_out_and_remembered() {
    let png = crate::support::PNG_URL;
    let server = Scripted::start(Script::body(500, "")).await;
    server.answer(move |asked| {
        let known = ["model", "prompt"];
        let unknown: Vec<_> = asked.as_object().unwrap().keys().filter(|key| !known.contains(&key.as_str())).collect();
        match unknown.first() {
            None => Script::body(200, serde_json::json!({ "data": [{ "b64_json": png }] }).to_string()),
            Some(key) => Script::body(400, format!(r#"{{"error":{{"message":"Unknown parameter: '{key}'."}}}}"#)),
        }
    });
    let base_url = format!("http://{}/v1", server.addr).parse().unwrap();
    let config = OpenAiImageConfig { api_key: None, model: "own".into(), base_url };
    let provider = OpenAiImageProvider::new(config).unwrap();
    for calls in [4, 5] {
        assert!(sniff(&paint(&provider, "a cat").await.unwrap()).is_some());
        assert_eq!(server.calls(), calls);
    }
    server.play(Script::body(422, r#"{"detail":[{"loc":["body","prompt"],"msg":"too long"}]}"#));
    let error = paint(&provider, "a cat").await.unwrap_err();
    assert!(matches!(&error, ProviderError::Rejected(text) if text.contains("body.prompt: too long")), "{error}");
}
