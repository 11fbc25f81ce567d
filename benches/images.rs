//! Images: how long the built-in painter takes for each of twelve prompts, and what a gallery of 10,000 costs against one of
//! ten. On one core each; medians.
#![expect(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a program for people, with small numbers")]

use std::io::Write;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::header::{COOKIE, SET_COOKIE};
use leptos::config::LeptosOptions;
use tempfile::TempDir;
use tessera::app::config::Config;
use tessera::app::router;
use tessera::app::state::AppState;
use tessera::images::server::picture::{Picture, Provenance, develop};
use tessera::images::server::providers::{ImageOrder, ImageProvider, SketchProvider, Source, Step};
use tessera::images::server::store::{FinishedImage, MadeImage, NewImage};
use tessera::images::{AspectRatio, ImageStatus};
use tessera::platform::amount::Amount;
use tessera::platform::ids::{ImageId, RunId, UserId};
use tower::ServiceExt;

const PROMPTS: [&str; 12] = [
    "A calm mountain lake at dawn, mist over the water",
    "A red lighthouse by the golden sea at sunset",
    "Misty pine forest in the morning with a deer",
    "City skyline at night, neon reflections in the river",
    "Desert dunes at golden hour",
    "Hot air balloons over green hills on a cheerful day",
    "Tropical beach with palms, blue sky, noon",
    "Snowy mountains under the northern lights, a cosy cabin",
    "A purple planet in deep space",
    "A snowy village in the evening, cosy lights",
    "A meadow of flowers in spring with a lone tree",
    "Stormy ocean with lightning and a sailing ship",
];
const RUNS: usize = 9;

fn say(text: &str) {
    std::io::stdout().write_all(format!("{text}\n").as_bytes()).unwrap();
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn time(mut work: impl FnMut()) -> f64 {
    let measured = (0..RUNS).map(|_| {
        let begun = Instant::now();
        work();
        begun.elapsed()
    });
    median(measured.collect())
}

/// From the prompt to what is kept.
async fn make(prompt: &str, seed: u32) -> Picture {
    let order = ImageOrder {
        id: ImageId::now_v7(),
        prompt: prompt.to_owned(),
        aspect_ratio: AspectRatio::Wide,
        seed,
        time_left: Duration::from_mins(2),
    };
    let Ok(Step::Made { source: Source::Bytes(bytes), .. }) = SketchProvider.start(&order).await else {
        unreachable!("it paints at once")
    };
    let provenance = Provenance {
        provider: "sketch".to_owned(),
        model: "sketch".to_owned(),
        is_ai: false,
        created_at: jiff::Timestamp::now(),
        prompt: None,
    };
    develop(&bytes, &provenance).unwrap()
}

async fn paint() {
    say("The painter, 1344 x 768, ms (whole: painted, checked, written as PNG, thumbnail and placeholder)");
    say("  paint  whole  whole/paint  thumbnail KB  prompt");
    let (width, height) = AspectRatio::Wide.size();
    let (mut slowest, mut thumbnails) = (0.0_f64, 0);
    for prompt in PROMPTS {
        let paint = time(|| drop(sketch::paint(prompt, width, height, 3)));
        let mut whole = Vec::new();
        let mut thumbnail = 0;
        for _ in 0..RUNS {
            let begun = Instant::now();
            thumbnail = make(prompt, 3).await.thumbnail.len();
            whole.push(begun.elapsed());
        }
        let whole = median(whole);
        slowest = slowest.max(whole);
        thumbnails += thumbnail;
        let thumbnail = thumbnail as f64 / 1000.0;
        say(&format!("  {paint:5.0}  {whole:5.0}  {:11.2}  {thumbnail:12.1}  {prompt}", whole / paint));
    }
    say(&format!("  slowest whole: {slowest:.0} ms; the twelve thumbnails: {:.0} KB", thumbnails as f64 / 1000.0));
}

/// A user with so many images; what the first page of the gallery then takes.
async fn gallery(count: usize) -> [f64; 4] {
    let data = TempDir::new().unwrap();
    let vars = [
        ("DATA_DIR".to_owned(), data.path().to_str().unwrap().to_owned()),
        ("RATE_LIMIT_PER_MINUTE".to_owned(), "100000".to_owned()),
    ];
    let config = Config::from_vars(&vars.into()).unwrap();
    let options = LeptosOptions::builder().output_name("tessera").site_root("target/site").build();
    let state = AppState::build(config, options).await.unwrap();
    let app = router::build(&state).with_state(());
    let body = r#"{"email":"ada@example.org","password":"correct horse battery","name":"Ada"}"#;
    let request = Request::post("/api/auth/register").header("content-type", "application/json").body(Body::from(body));
    let response = app.clone().oneshot(request.unwrap()).await.unwrap();
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let user = serde_json::from_slice::<serde_json::Value>(&body).unwrap();
    let user: UserId = user["data"]["user"]["id"].as_str().unwrap().parse().unwrap();
    for n in 0..count {
        let new = NewImage {
            id: ImageId::now_v7(),
            user,
            shown_in: None,
            prompt: format!("{} ({n})", PROMPTS[n % PROMPTS.len()]),
            aspect_ratio: AspectRatio::ALL[n % AspectRatio::ALL.len()],
            seed: 3,
            provider: "sketch".to_owned(),
            model: "sketch".to_owned(),
            is_ai: false,
            run: RunId::now_v7(),
        };
        let (width, height) = new.aspect_ratio.size();
        let made = MadeImage {
            provider: "sketch".to_owned(),
            model: "sketch".to_owned(),
            is_ai: false,
            fallback_from: None,
            width,
            height,
            placeholder: format!("data:image/webp;base64,{}", "A".repeat(180)),
            credits: Amount::credits(2),
            bytes: 1_500_000,
        };
        let finished = FinishedImage {
            id: new.id,
            run: Some(new.run),
            status: ImageStatus::Complete,
            made: Some(made),
            error_code: None,
            has_stray_files: false,
        };
        assert!(state.stores.images.begin(new).await.unwrap());
        assert!(state.stores.images.finish(finished).await.unwrap());
    }
    let get = async |path: &str| {
        let mut times = Vec::new();
        let mut bytes = 0;
        for _ in 0..RUNS * 5 {
            let request = Request::get(path).header(COOKIE, &cookie).body(Body::empty()).unwrap();
            let begun = Instant::now();
            let response = app.clone().oneshot(request).await.unwrap();
            assert!(response.status().is_success(), "{path}");
            bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap().len();
            times.push(begun.elapsed());
        }
        (median(times), bytes as f64 / 1000.0)
    };
    let ((page, weight), (search, _), (list, _)) =
        (get("/images").await, get("/api/images?q=village").await, get("/api/images?limit=24").await);
    [page, weight, list, search]
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    paint().await;
    say("The gallery's first page");
    say("  images  /images ms  HTML KB  list ms  search ms");
    let few = gallery(24).await;
    let many = gallery(10_000).await;
    for (count, [page, weight, list, search]) in [(24, few), (10_000, many)] {
        say(&format!("  {count:6}  {page:10.2}  {weight:7.1}  {list:7.2}  {search:9.2}"));
    }
    let ratio = |n: usize| many[n] / few[n];
    say(&format!("   ratio  {:10.2}  {:7.2}  {:7.2}  {:9.2}", ratio(0), ratio(1), ratio(2), ratio(3)));
}
