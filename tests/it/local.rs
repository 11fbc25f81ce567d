//! The provider `local` with the real model, which the set-up fetches.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tessera::chat::Usage;
use tessera::chat::server::providers::local::{LocalProvider, LocalStatus};
use tessera::chat::server::providers::{
    ChatProvider, ProviderError, ProviderEvent, ProviderRequest, Role, Sampling, TokenStream, Turn,
};
use tessera::generation::Provider;

/// More would only fight for the cores, as tests run at the same time.
const THREADS: usize = 1;

fn at_most(max_output_tokens: u32) -> Sampling {
    Sampling { max_output_tokens, ..Sampling::default() }
}

pub fn model_path() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/SmolLM2-135M-Instruct.Q4_1.gguf");
    assert!(path.is_file(), "no model: scripts/setup.sh run fetches it");
    path
}

/// One model for the tests of one process.
fn provider() -> &'static LocalProvider {
    static PROVIDER: LazyLock<LocalProvider> = LazyLock::new(|| LocalProvider::new(model_path(), THREADS));
    &PROVIDER
}

fn turn(role: Role, content: &str) -> Turn {
    Turn::new(role, content)
}

fn ask(content: &str, max_output_tokens: u32) -> ProviderRequest {
    ProviderRequest {
        turns: vec![turn(Role::User, content)],
        model: None,
        sampling: at_most(max_output_tokens),
        most_output: None,
        must_fit: false,
    }
}

/// The whole reply, its number of events and its usage.
async fn collect(mut stream: TokenStream) -> (String, usize, Usage) {
    let mut text = String::new();
    let mut events = 0;
    while let Some(event) = stream.next().await {
        match event.unwrap() {
            ProviderEvent::Token(token) => {
                assert!(!token.is_empty());
                text.push_str(&token);
                events += 1;
            }
            ProviderEvent::Call(_) => panic!("it knows no tools"),
            ProviderEvent::Thought(_)
            | ProviderEvent::Usage(_)
            | ProviderEvent::Alive { .. }
            | ProviderEvent::Shortened => {}
            ProviderEvent::Done { usage, .. } => {
                assert!(stream.next().await.is_none(), "nothing follows Done");
                return (text, events, usage.unwrap());
            }
        }
    }
    panic!("the stream was cut after: {text}");
}

async fn wait_until_ready(provider: &LocalProvider) {
    while provider.status() == LocalStatus::Loading {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(provider.status(), LocalStatus::Ready);
}

#[tokio::test]
async fn a_question_is_answered_token_by_token() {
    let provider = provider();
    let stream = provider.start(ask("What is the capital of France?", 64)).await.unwrap();
    let (text, events, usage) = collect(stream).await;
    assert!(text.contains("Paris"), "{text}");
    assert!(events > 3);
    assert!(usage.output_tokens as usize >= events);
    assert!(usage.input_tokens > 8);
    assert!(!text.contains("<|im_end|>"));
}

#[tokio::test]
async fn two_requests_are_answered_at_the_same_time() {
    let provider = provider();
    let story = |name: &str| ask(&format!("Tell me a long story about {name}."), 60);
    let times = |stream: TokenStream| stream.map(|_| Instant::now()).collect::<Vec<_>>();
    let first = provider.start(story("a fox")).await.unwrap();
    let second = provider.start(story("a whale")).await.unwrap();
    let (first, second) = futures::join!(times(first), times(second));
    assert!(first.len() > 20 && second.len() > 20);
    let overlap = second.iter().filter(|at| **at < *first.last().unwrap()).count();
    assert!(overlap > 10, "only {overlap} tokens came while the other reply was written");
}

#[tokio::test]
async fn a_dropped_stream_gives_its_place_to_the_next() {
    let provider = LocalProvider::new(model_path(), THREADS);
    wait_until_ready(&provider).await;
    let mut long = Vec::new();
    for _ in 0..4 {
        let mut stream = provider.start(ask("Write a very long essay about the sea.", 1500)).await.unwrap();
        stream.next().await.unwrap().unwrap();
        long.push(stream);
    }
    let mut waiting = provider.start(ask("Say hello.", 8)).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(200), waiting.next()).await.is_err(), "all slots are taken");
    drop(long.pop());
    let first = tokio::time::timeout(Duration::from_secs(3), waiting.next()).await;
    assert!(first.unwrap().unwrap().is_ok());
    // Dropping the provider cuts what is under way.
    drop(provider);
    let last = long.pop().unwrap().collect::<Vec<_>>().await;
    assert!(!matches!(last.last(), Some(Ok(ProviderEvent::Done { .. }))));
}

#[tokio::test]
async fn a_full_line_is_refused() {
    let provider = LocalProvider::new(model_path(), THREADS);
    let mut streams = Vec::new();
    let refused = loop {
        match provider.start(ask("Write a very long essay about the sea.", 1500)).await {
            Ok(stream) => streams.push(stream),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, ProviderError::Unavailable(_)));
    assert!((64..=70).contains(&streams.len()), "{}", streams.len());
}

#[tokio::test]
async fn the_output_limit_is_kept() {
    let provider = provider();
    for limit in [0, 1, 7] {
        let stream = provider.start(ask("Write a long poem.", limit)).await.unwrap();
        let (_, _, usage) = collect(stream).await;
        assert_eq!(usage.output_tokens, limit);
    }
}

#[tokio::test]
async fn a_long_history_never_fails_and_keeps_system_and_question() {
    let provider = provider();
    let mut turns = vec![turn(Role::System, "You are a helpful assistant. ")];
    for number in 0..300 {
        turns.push(turn(Role::User, &format!("Question {number}: {}", "many words in here ".repeat(20))));
        turns.push(turn(Role::Assistant, "I see."));
    }
    turns.push(turn(Role::User, "What is the capital of France?"));
    let request = ProviderRequest { turns, model: None, sampling: at_most(40), most_output: None, must_fit: false };
    let (text, _, usage) = collect(provider.start(request).await.unwrap()).await;
    assert!(usage.input_tokens > 1800 && usage.input_tokens <= 2048 - 40, "{usage:?}");
    assert!(!text.is_empty());
}

#[tokio::test]
async fn a_program_is_told_that_what_it_asks_is_too_long() {
    let provider = provider();
    let turns = [turn(Role::System, &"Be very brief. ".repeat(730)), turn(Role::User, "Hi")];
    let request = |must_fit| {
        let turns = turns.to_vec();
        ProviderRequest { turns, model: None, sampling: at_most(3), most_output: None, must_fit }
    };
    let first = provider.start(request(true)).await.unwrap().next().await.unwrap();
    assert!(matches!(first, Err(ProviderError::TooLong { window: Some(2048), .. })), "{first:?}");
    assert!(!collect(provider.start(request(false)).await.unwrap()).await.0.is_empty());
}

#[tokio::test]
async fn odd_requests_never_fail() {
    let provider = provider();
    let odd = [
        vec![turn(Role::User, "")],
        vec![turn(Role::Assistant, "Hello!")],
        vec![turn(Role::System, "Be brief.")],
        vec![turn(Role::User, "nul\0inside"), turn(Role::User, "<|im_end|> @@turn-0@@")],
    ];
    for turns in odd {
        let request = ProviderRequest { turns, model: None, sampling: at_most(3), most_output: None, must_fit: false };
        collect(provider.start(request).await.unwrap()).await;
    }
    let nothing =
        ProviderRequest { turns: Vec::new(), model: None, sampling: at_most(3), most_output: None, must_fit: false };
    assert!(matches!(provider.start(nothing).await, Err(ProviderError::Rejected(_))));
}

#[tokio::test]
async fn a_follow_up_starts_sooner_than_the_same_history_afresh() {
    let provider = LocalProvider::new(model_path(), THREADS);
    let background = "The harbour town lies between two hills. ".repeat(120);
    let mut turns = vec![turn(Role::User, &format!("{background} What is this text about?"))];
    let mut waits = Vec::new();
    for _ in 0..2 {
        let request = ProviderRequest {
            turns: turns.clone(),
            model: None,
            sampling: at_most(16),
            most_output: None,
            must_fit: false,
        };
        let started = Instant::now();
        let mut stream = provider.start(request).await.unwrap();
        let first = stream.next().await.unwrap().unwrap();
        waits.push(started.elapsed());
        let ProviderEvent::Token(mut answer) = first else { panic!("no token") };
        answer.push_str(&collect(stream).await.0);
        turns.push(turn(Role::Assistant, &answer));
        turns.push(turn(Role::User, "Say more."));
    }
    assert!(waits[1] * 3 < waits[0], "{waits:?}");
}

#[tokio::test]
async fn token_ids_are_those_of_the_reference() {
    let provider = provider();
    wait_until_ready(provider).await;
    let fixture = include_str!("../fixtures/smollm2_tokens.json");
    let cases: Vec<serde_json::Value> = serde_json::from_str(fixture).unwrap();
    assert!(cases.len() >= 60);
    let mut wrong = Vec::new();
    for case in &cases {
        let text = case["text"].as_str().unwrap();
        let wanted: Vec<i32> = serde_json::from_value(case["ids"].clone()).unwrap();
        let found = provider.tokenize(text).unwrap();
        if found != wanted {
            wrong.push(format!("{text:?}: {found:?}, not {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_missing_or_broken_file_is_reported() {
    let provider = LocalProvider::new("/nowhere/model.gguf".into(), 1);
    while provider.status() == LocalStatus::Loading {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(provider.status(), LocalStatus::Missing);
    let Err(ProviderError::Unavailable(text)) = provider.start(ask("Hello", 1)).await else { panic!("no error") };
    assert!(text.contains("/nowhere/model.gguf"));

    let broken = std::env::temp_dir().join(format!("tessera-broken-{}.gguf", std::process::id()));
    std::fs::write(&broken, b"not a model").unwrap();
    let provider = LocalProvider::new(broken.clone(), 1);
    // Waits for the load or sees its result; either way there is an error and never a hang.
    let error = match provider.start(ask("Hello", 1)).await {
        Ok(mut stream) => stream.next().await.unwrap().unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, ProviderError::Unavailable(_)));
    assert!(matches!(provider.status(), LocalStatus::Failed(_)));
    std::fs::remove_file(broken).unwrap();
}

/// The real file with this in place of a name that its head has, of the same length.
fn altered(from: &str, to: &str) -> tempfile::NamedTempFile {
    use std::io::{Read, Write};
    assert_eq!(from.len(), to.len());
    let mut head = vec![0; 4 * 1024 * 1024];
    let mut file = std::fs::File::open(model_path()).unwrap();
    file.read_exact(&mut head).unwrap();
    let at = head.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    head[at..at + to.len()].copy_from_slice(to.as_bytes());
    let mut altered = tempfile::Builder::new().suffix(".gguf").tempfile().unwrap();
    altered.write_all(&head).unwrap();
    std::io::copy(&mut file, &mut altered).unwrap();
    altered
}

#[tokio::test]
async fn a_file_that_cannot_chat_is_refused_when_it_is_loaded() {
    for (from, to, reason) in [
        ("tokenizer.chat_template", "tokenizer.chat_tem.late", "has no chat template"),
        ("llama.attention.head_count\u{4}", "llama.attention.head_coun.\u{4}", "cannot be used by llama.cpp"),
        ("tokenizer.ggml.tokens", "tokenizer.ggml.tokenz", "has no vocabulary"),
        ("llama.context_length", "llama.context_lengtx", "is damaged"),
    ] {
        let file = altered(from, to);
        let provider = LocalProvider::new(file.path().to_owned(), THREADS);
        while provider.status() == LocalStatus::Loading {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let LocalStatus::Failed(told) = provider.status() else { panic!("{from}: {:?}", provider.status()) };
        assert!(told.contains(reason), "{told}");
        assert!(provider.problem().is_some() && provider.start(ask("Hello", 1)).await.is_err());
    }
}

#[tokio::test]
async fn the_program_tries_a_file_out_and_says_why_it_cannot_be_used() {
    let tried = async |path: &std::path::Path| {
        let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_tessera"));
        let output = program.arg("probe-model").arg(path).output().await.unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(tried(&model_path()).await, (true, String::new()));
    let file = altered("tokenizer.chat_template", "tokenizer.chat_tem.late");
    let (is_well, reason) = tried(file.path()).await;
    assert!(!is_well && reason.contains("has no chat template"), "{reason}");
    // A server and `tessera check` say the same.
    let data = tempfile::TempDir::new().unwrap();
    let mut check = tokio::process::Command::new(env!("CARGO_BIN_EXE_tessera"));
    check
        .arg("check")
        .env_clear()
        .current_dir(data.path())
        .env("DATA_DIR", data.path())
        .env("LOCAL_MODEL", file.path());
    let output = check.output().await.unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && table.contains("FAILED  chat: local"), "{table}");
    assert!(table.contains("has no chat template"), "{table}");
}
