//! Replicate in all its moods, and files that are not what they should be.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tessera::generation::ProviderError;
use tessera::images::AspectRatio;
use tessera::images::server::picture::{PictureError, Provenance, develop};
use tessera::images::server::providers::replicate::{BASE_URL, ReplicateConfig, WebhookConfig, read_report};
use tessera::images::server::providers::{
    ImageOrder, ImageProvider, MAX_BYTES, ReplicateProvider, Source, Step, may_pass,
};
use tessera::platform::ids::ImageId;
use tessera::platform::standard_webhooks::verify;

use crate::fake_replicate::{FakeReplicate, TOKEN, WEBHOOK_SECRET};

const FLUX: &str = "black-forest-labs/flux-schnell";

fn config(fake: &FakeReplicate) -> ReplicateConfig {
    ReplicateConfig { token: TOKEN.into(), model: FLUX.into(), base_url: fake.url.parse().unwrap(), webhook: None }
}

fn webhook(url: &str) -> Option<WebhookConfig> {
    Some(WebhookConfig { url: url.parse().unwrap(), secret: WEBHOOK_SECRET.into() })
}

fn provider(fake: &FakeReplicate) -> ReplicateProvider {
    ReplicateProvider::new(config(fake)).unwrap()
}

fn order(prompt: &str) -> ImageOrder {
    ImageOrder {
        id: ImageId::now_v7(),
        prompt: prompt.into(),
        aspect_ratio: AspectRatio::Landscape4x3,
        seed: 0x0012_3456,
        time_left: Duration::from_secs(90),
    }
}

/// Asks until it has ended.
async fn paint(provider: &ReplicateProvider, prompt: &str) -> Result<Source, ProviderError> {
    let mut step = provider.start(&order(prompt)).await?;
    loop {
        match step {
            Step::Made { source, .. } => return Ok(source),
            Step::Working { remote_id } => step = provider.look(&remote_id).await?,
        }
    }
}

async fn download(fake: &FakeReplicate, prompt: &str) -> Result<Bytes, ProviderError> {
    let provider = provider(fake);
    provider.fetch(paint(&provider, prompt).await?).await
}

fn provenance() -> Provenance {
    let created_at = jiff::Timestamp::now();
    Provenance { provider: "replicate".into(), model: FLUX.into(), is_ai: true, created_at, prompt: None }
}

#[tokio::test]
async fn a_picture_is_ordered_fetched_and_developed() {
    let fake = FakeReplicate::start().await;
    for prompt in
        ["a cat", "a cat #polls=3", "a cat #early", "a cat #output=text", "a cat #file=jpeg", "#pause=200 #file=slow"]
    {
        let bytes = download(&fake, prompt).await.unwrap();
        let picture = develop(&bytes, &provenance()).unwrap();
        assert_eq!((picture.width, picture.height), AspectRatio::Landscape4x3.size(), "{prompt}");
        let (_, prediction) = fake.last();
        assert_eq!(prediction.body["input"]["prompt"], prompt);
    }
    assert_eq!(fake.count(|seen| &seen.creates), 6);
    assert_eq!(fake.count(|seen| &seen.leaks), 0);
}

#[tokio::test]
async fn the_request_says_all_that_is_needed() {
    let fake = FakeReplicate::start().await;
    let webhook = webhook("https://tessera.example/hooks/replicate?x=1");
    let provider = ReplicateProvider::new(ReplicateConfig { webhook, ..config(&fake) }).unwrap();
    let order = order("a cat");
    let step = provider.start(&order).await.unwrap();
    let (id, prediction) = fake.last();
    assert!(matches!(step, Step::Made { remote_id: Some(remote_id), .. } if remote_id == id));
    assert_eq!(prediction.path, "/v1/models/black-forest-labs/flux-schnell/predictions");
    assert_eq!((prediction.prefer.as_deref(), prediction.cancel_after.as_deref()), (None, Some("90s")));
    let expected = serde_json::json!({
        "input": {
            "prompt": "a cat", "aspect_ratio": "4:3", "seed": 0x0012_3456, "num_outputs": 1, "output_format": "png",
            "go_fast": false
        },
        "webhook": format!("https://tessera.example/hooks/replicate?x=1&job={}", order.id),
        "webhook_events_filter": ["start", "completed"],
    });
    assert_eq!(prediction.body, expected);
    // Too short and too long.
    for (left, after) in [(0, "5s"), (3, "5s"), (100_000, "1800s")] {
        let order = ImageOrder { time_left: Duration::from_secs(left), ..order.clone() };
        provider.start(&order).await.unwrap();
        let (_, prediction) = fake.last();
        assert_eq!((prediction.cancel_after.as_deref(), prediction.prefer.as_deref()), (Some(after), None));
    }
}

#[tokio::test]
async fn models_with_a_version_are_asked_for_by_it() {
    let fake = FakeReplicate::start().await;
    let version = "0123456789abcdef".repeat(4);
    let webhook = webhook("http://127.0.0.1/hook");
    let model = format!("someone/sdxl:{version}");
    let provider = ReplicateProvider::new(ReplicateConfig { webhook, model, ..config(&fake) }).unwrap();
    provider.start(&order("a cat")).await.unwrap();
    let (_, prediction) = fake.last();
    assert_eq!(prediction.path, "/v1/predictions");
    // Reports go by https only.
    let input = serde_json::json!({ "prompt": "a cat", "aspect_ratio": "4:3", "seed": 0x0012_3456 });
    assert_eq!(prediction.body, serde_json::json!({ "version": version, "input": input }));
    let wrong = ReplicateConfig { model: "flux".into(), ..config(&fake) };
    assert!(ReplicateProvider::new(wrong).err().unwrap().to_string().contains("owner/name"));
}

#[tokio::test]
async fn each_end_is_an_error_of_its_own() {
    let fake = FakeReplicate::start().await;
    let provider = provider(&fake);
    let rejected = |text: &str| ProviderError::Rejected(text.into());
    for polls in ["", " #polls=2"] {
        let end = async |prompt: &str| paint(&provider, &format!("{prompt}{polls}")).await.unwrap_err();
        assert_eq!(end("#end=failed").await, rejected("CUDA out of memory"));
        assert_eq!(end("#end=canceled").await, rejected("canceled"));
        assert_eq!(end("#end=aborted").await, rejected("aborted"));
        assert!(matches!(end("#nsfw").await, ProviderError::Blocked(text) if text.contains("NSFW")));
        for output in ["none", "empty", "object", "removed"] {
            let error = end(&format!("#output={output}")).await;
            assert!(matches!(error, ProviderError::Malformed(_)) && !may_pass(&error), "{output}: {error}");
        }
    }
}

#[tokio::test]
async fn each_refusal_says_whose_fault_it_is() {
    let fake = FakeReplicate::start().await;
    let provider = provider(&fake);
    let refused = async |status: u16| provider.start(&order(&format!("#status={status}"))).await.unwrap_err();
    for status in [401, 402, 404, 500, 503] {
        let error = refused(status).await;
        assert!(matches!(&error, ProviderError::Unavailable(_)), "{status}: {error}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    assert!(matches!(refused(422).await, ProviderError::Rejected(text) if text.contains("prompt is required")));
    assert!(matches!(refused(302).await, ProviderError::Rejected(_)));
    assert_eq!(fake.count(|seen| &seen.strays), 0);
    assert_eq!(refused(429).await, ProviderError::RateLimited { retry_after: Some(Duration::from_secs(30)) });
    let stranger = ReplicateProvider::new(ReplicateConfig { token: "r8_other".into(), ..config(&fake) }).unwrap();
    assert!(matches!(stranger.start(&order("a cat")).await, Err(ProviderError::Unavailable(_))));
    assert!(matches!(stranger.look("abc").await, Err(ProviderError::Unavailable(_))));
    // Asking goes on when the trouble is over.
    let Step::Working { remote_id } = provider.start(&order("#polls=1 #down=2")).await.unwrap() else { panic!() };
    for _ in 0..2 {
        assert!(may_pass(&provider.look(&remote_id).await.unwrap_err()));
    }
    assert!(matches!(provider.look(&remote_id).await.unwrap(), Step::Made { .. }));
    assert!(!may_pass(&provider.look("unknown").await.unwrap_err()));
}

#[tokio::test]
async fn a_lost_answer_is_unavailable_and_the_prediction_can_be_asked_for_by_the_report() {
    let fake = FakeReplicate::start().await;
    let error = provider(&fake).start(&order("#lost")).await.unwrap_err();
    assert!(may_pass(&error), "{error}");
    // Another process goes on.
    let (id, _) = fake.last();
    let (headers, body) = fake.report(&id);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let [id_header, time, signature] = headers.each_ref().map(|(_, value)| value.as_str());
    verify(&WEBHOOK_SECRET.into(), id_header, time, signature, body.as_bytes(), now).unwrap();
    let report = read_report(body.as_bytes()).unwrap();
    let restarted = provider(&fake);
    assert_eq!(restarted.look(&id).await, report.outcome);
    let Ok(Step::Made { source, .. }) = report.outcome else { panic!() };
    assert!(restarted.fetch(source).await.is_ok());
}

#[tokio::test]
async fn what_is_cancelled_stays_so_and_cancelling_twice_is_harmless() {
    let fake = FakeReplicate::start().await;
    let provider = provider(&fake);
    let Step::Working { remote_id } = provider.start(&order("#never")).await.unwrap() else { panic!() };
    for _ in 0..2 {
        assert_eq!(provider.look(&remote_id).await.unwrap(), Step::Working { remote_id: remote_id.clone() });
    }
    for _ in 0..2 {
        provider.cancel(&remote_id).await.unwrap();
    }
    provider.cancel("unknown").await.unwrap();
    assert_eq!(provider.look(&remote_id).await, Err(ProviderError::Rejected("canceled".into())));
    assert_eq!(fake.count(|seen| &seen.cancels), 3);
    let before = fake.count(|seen| &seen.looks);
    for id in ["", "../models", "a/cancel", "A", "a?b"] {
        assert!(matches!(provider.look(id).await, Err(ProviderError::Malformed(_))), "{id}");
        assert!(matches!(provider.cancel(id).await, Err(ProviderError::Malformed(_))), "{id}");
    }
    assert_eq!(fake.count(|seen| &seen.looks), before);
}

#[tokio::test]
async fn files_that_are_no_pictures_are_refused() {
    let fake = FakeReplicate::start().await;
    for (file, why) in [
        ("html", "neither PNG nor JPEG nor WebP"),
        ("svg", "neither PNG nor JPEG nor WebP"),
        ("gif", "neither PNG nor JPEG nor WebP"),
        ("wrong-type", "its type"),
        ("redirect", "it redirects"),
        ("gone", "404"),
        ("giant", "more than 33554432 bytes"),
        ("endless", "more than 33554432 bytes"),
    ] {
        let error = download(&fake, &format!("#file={file}")).await.unwrap_err();
        assert!(matches!(&error, ProviderError::Malformed(text) if text.contains(why)), "{file}: {error}");
    }
    assert!(may_pass(&download(&fake, "#file=broken").await.unwrap_err()));
    assert_eq!(fake.count(|seen| &seen.strays), 0);
    assert_eq!(fake.count(|seen| &seen.leaks), 0);
    // What the sockets between us hold, but not more.
    let poured = usize::try_from(fake.count(|seen| &seen.poured)).unwrap();
    assert!((MAX_BYTES..MAX_BYTES * 2).contains(&poured), "{poured}");
}

#[tokio::test]
async fn pictures_that_are_cut_or_huge_are_fetched_but_not_developed() {
    let fake = FakeReplicate::start().await;
    let short = download(&fake, "#file=short").await.unwrap();
    assert!(matches!(develop(&short, &provenance()), Err(PictureError::Damaged(_))));
    let huge = download(&fake, "#file=huge").await.unwrap();
    let wrong = PictureError::WrongSize { width: 50_000, height: 50_000 };
    assert_eq!(develop(&huge, &provenance()), Err(wrong));
}

#[tokio::test]
async fn files_elsewhere_are_not_fetched() {
    let fake = FakeReplicate::start().await;
    let elsewhere = FakeReplicate::start().await;
    for output in ["other", "private", "http", "data"] {
        let error = download(&fake, &format!("#output={output}")).await.unwrap_err();
        assert!(matches!(error, ProviderError::Malformed(_)), "{output}: {error}");
    }
    // Another port of this machine is elsewhere as well; and for the official service, this machine is.
    let source = paint(&provider(&elsewhere), "a cat").await.unwrap();
    let error = provider(&fake).fetch(source.clone()).await.unwrap_err();
    assert!(error.to_string().contains("not by https"), "{error}");
    let official = ReplicateConfig { base_url: BASE_URL.parse().unwrap(), ..config(&fake) };
    assert!(ReplicateProvider::new(official).unwrap().fetch(source).await.is_err());
    assert_eq!(elsewhere.count(|seen| &seen.downloads), 0);
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let config = ReplicateConfig {
        token: TOKEN.into(),
        model: FLUX.into(),
        base_url: "http://127.0.0.1:9/v1/".parse().unwrap(),
        webhook: None,
    };
    let error = ReplicateProvider::new(config).unwrap().start(&order("a cat")).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable(_)), "{error}");
}
