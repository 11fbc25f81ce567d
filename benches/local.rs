//! How fast the local model writes, next to llama.cpp's own server with the same file and threads.
//!
//! `cargo bench --bench local`. The comparison needs a Python with `xllamacpp`, given as `TESSERA_BENCH_PYTHON`
//! (default `python3`); without it only our own figures appear. Ours and theirs alternate, medians are shown.
//! Other load on the machine hurts two threads far more than one: look at the rounds before trusting a median.
#![expect(clippy::expect_used, reason = "a program for people")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tessera::chat::server::providers::local::{LocalProvider, LocalStatus};
use tessera::chat::server::providers::{ChatProvider, ProviderEvent, ProviderRequest, Role, Sampling, Turn};

const ROUNDS: usize = 3;
const REPLY_TOKENS: u32 = 128;

/// Tokens per second, except where the name says otherwise.
#[derive(Debug, Clone, Copy)]
struct Figures {
    one: f64,
    four: f64,
    prompt: f64,
    first_ms: f64,
}

struct Reply {
    first: Duration,
    total: Duration,
    input: u32,
    output: u32,
}

async fn ask(provider: &LocalProvider, content: String, max_output_tokens: u32) -> Reply {
    let turns = vec![Turn::new(Role::User, content)];
    let started = Instant::now();
    let sampling = Sampling { max_output_tokens, ..Sampling::default() };
    let request = ProviderRequest { turns, model: None, sampling, most_output: None, must_fit: false };
    let mut stream = provider.start(request).await.expect("the model is there");
    let mut first = None;
    while let Some(event) = stream.next().await {
        let at = started.elapsed();
        let first = *first.get_or_insert(at);
        if let ProviderEvent::Done { usage: Some(usage), .. } = event.expect("no error") {
            return Reply { first, total: at, input: usage.input_tokens, output: usage.output_tokens };
        }
    }
    panic!("the reply was cut");
}

fn story(about: &str) -> String {
    format!("Tell me a very long and detailed story about {about}.")
}

async fn ours(model: &Path, threads: usize) -> Figures {
    let provider = LocalProvider::new(model.to_owned(), threads);
    while provider.status() == LocalStatus::Loading {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    ask(&provider, "Hello".into(), 4).await;
    let one = ask(&provider, story("a fox"), REPLY_TOKENS).await;
    let started = Instant::now();
    let four = ["a cat", "a dog", "a cow", "an owl"].map(|about| ask(&provider, story(about), REPLY_TOKENS));
    let four = futures::future::join_all(four).await;
    let four_seconds = started.elapsed().as_secs_f64();
    let text = "The harbour town lies between two hills. ".repeat(120) + "What is this text about?";
    let long = ask(&provider, text, 2).await;
    Figures {
        one: f64::from(one.output - 1) / one.total.saturating_sub(one.first).as_secs_f64(),
        four: f64::from(four.iter().map(|reply| reply.output).sum::<u32>()) / four_seconds,
        prompt: f64::from(long.input) / long.first.as_secs_f64(),
        first_ms: one.first.as_secs_f64() * 1e3,
    }
}

fn theirs(model: &Path, threads: usize) -> Option<Figures> {
    let python = std::env::var("TESSERA_BENCH_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/llama_cpp.py");
    let output = Command::new(python).arg(script).arg(model).arg(threads.to_string()).output().ok()?;
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let figure = |name: &str| figures[name].as_f64();
    Some(Figures {
        one: figure("one")?,
        four: figure("four")?,
        prompt: figure("prompt")?,
        first_ms: figure("first_ms")?,
    })
}

fn median(rounds: &[Figures], of: impl Fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A figure and how to get it.
type Row = (&'static str, fn(&Figures) -> f64);

fn main() {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/SmolLM2-135M-Instruct.Q4_1.gguf");
    let model = std::env::var_os("TESSERA_LOCAL_MODEL").map_or(usual, PathBuf::from);
    let mut out = std::io::stdout().lock();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for threads in [1, 2] {
        let (mut our_rounds, mut their_rounds) = (Vec::new(), Vec::new());
        for round in 1..=ROUNDS {
            our_rounds.push(runtime.block_on(ours(&model, threads)));
            writeln!(out, "{threads} thread(s), round {round}: ours   {:.1?}", our_rounds[round - 1]).expect("stdout");
            if let Some(figures) = theirs(&model, threads) {
                writeln!(out, "{threads} thread(s), round {round}: theirs {figures:.1?}").expect("stdout");
                their_rounds.push(figures);
            }
        }
        let rows: [Row; 4] = [
            ("one reply, tokens/s", |f| f.one),
            ("four replies together, tokens/s", |f| f.four),
            ("reading a long prompt, tokens/s", |f| f.prompt),
            ("time to first token, short prompt, ms", |f| f.first_ms),
        ];
        for (name, of) in rows {
            let ours = median(&our_rounds, of);
            write!(out, "{threads} thread(s)  {name:<38} {ours:8.1}").expect("stdout");
            if their_rounds.is_empty() {
                writeln!(out).expect("stdout");
            } else {
                let theirs = median(&their_rounds, of);
                writeln!(out, "   llama.cpp {theirs:8.1}   ratio {:.2}", ours / theirs).expect("stdout");
            }
        }
    }
}
