//! Streams that are damaged in every way, for each kind of provider: never a panic, never an answer that was whole and is lost,
//! never one that is whole without a word.
//!
//! `TESSERA_MUTATIONS` says how many; by default so many as a debug build does in a few seconds.

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::super::{anthropic, gemini, openai};
use super::*;

/// A value that is no value.
const HUGE: &str = "\"@1e999@\"";
const TEXTS: [&str; 3] = ["Hel", "lo, ", "wörld 🦀."];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Text,
    Finish,
    Beside,
}

type Piece = (Role, Value);

struct Dialect {
    read: ReadPiece,
    pieces: Vec<Piece>,
    /// The way to the text, and to the finish reason.
    text: &'static [&'static str],
    finish: &'static [&'static str],
    /// Fields that mean something wherever they stand.
    loaded: &'static [&'static str],
}

fn openai_dialect() -> Dialect {
    let chunk = |delta: Value, finish: Option<&str>| {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "usage": null,
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]})
    };
    let mut pieces = vec![(Role::Beside, chunk(json!({"role": "assistant", "content": ""}), None))];
    pieces.push((Role::Beside, chunk(json!({"reasoning_content": "Hmm."}), None)));
    pieces.extend(TEXTS.map(|text| (Role::Text, chunk(json!({ "content": text }), None))));
    pieces.push((Role::Finish, chunk(json!({}), Some("stop"))));
    let usage = json!({"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12});
    pieces.push((Role::Beside, json!({"id": "chatcmpl-1", "choices": [], "usage": usage})));
    Dialect {
        read: openai::read_piece,
        pieces,
        text: &["choices", "0", "delta", "content"],
        finish: &["choices", "0", "finish_reason"],
        loaded: &["content", "refusal", "text", "finish_reason", "error", "message"],
    }
}

fn gemini_dialect() -> Dialect {
    let usage =
        json!({"promptTokenCount": 4, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "totalTokenCount": 9});
    let chunk = |parts: Value| {
        json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0, "safetyRatings": []}],
            "usageMetadata": usage, "modelVersion": "m", "responseId": "r"})
    };
    let mut pieces = vec![(Role::Beside, chunk(json!([{"text": "Hmm.", "thought": true, "thoughtSignature": "abc"}])))];
    // Were it not marked any more, a thought would be text.
    pieces[0].1["candidates"][0]["content"]["parts"][0]["text"] = json!("");
    pieces.extend(TEXTS.map(|text| (Role::Text, chunk(json!([{ "text": text }])))));
    pieces.push((Role::Finish, json!({"candidates": [{"finishReason": "STOP", "index": 0}], "usageMetadata": usage})));
    Dialect {
        read: gemini::read_piece,
        pieces,
        text: &["candidates", "0", "content", "parts", "0", "text"],
        finish: &["candidates", "0", "finishReason"],
        loaded: &["text", "finishReason", "error", "blockReason", "thought"],
    }
}

fn anthropic_dialect() -> Dialect {
    let usage = |output: u32| json!({"input_tokens": 9, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 2, "output_tokens": output});
    let delta = |at: u32, delta: Value| json!({"type": "content_block_delta", "index": at, "delta": delta});
    let start = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": null,
        "stop_sequence": null, "usage": usage(1)});
    let block = |at: u32, block: Value| json!({"type": "content_block_start", "index": at, "content_block": block});
    let mut pieces: Vec<Piece> = [
        json!({"type": "message_start", "message": start}),
        json!({"type": "ping"}),
        block(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "Hmm."})),
        delta(0, json!({"type": "signature_delta", "signature": "c2ln"})),
        json!({"type": "content_block_stop", "index": 0}),
        block(1, json!({"type": "text", "text": ""})),
    ]
    .map(|piece| (Role::Beside, piece))
    .into();
    pieces.extend(TEXTS.map(|text| (Role::Text, delta(1, json!({"type": "text_delta", "text": text})))));
    pieces.push((Role::Beside, json!({"type": "content_block_stop", "index": 1})));
    let end = json!({"stop_reason": "end_turn", "stop_sequence": null});
    pieces.push((Role::Finish, json!({"type": "message_delta", "delta": end, "usage": usage(7)})));
    pieces.push((Role::Beside, json!({"type": "message_stop"})));
    Dialect {
        read: anthropic::read_piece,
        pieces,
        text: &["delta", "text"],
        finish: &["delta", "stop_reason"],
        // What an event is goes by its type.
        loaded: &["type", "text", "stop_reason", "error", "content", "delta", "content_block"],
    }
}

/// What a stream comes to.
#[derive(Debug, PartialEq)]
struct Read {
    text: String,
    end: Event,
}

fn decode(read: ReadPiece, bytes: &[u8], rng: &mut StdRng, is_cut: bool) -> Read {
    let mut decoder = Decoder::new(read);
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(rng.random_range(1..=rest.len().min(400)));
        decoder.push(piece);
        rest = more;
    }
    if is_cut {
        decoder.fail(ProviderError::Malformed("reset".to_owned()));
    } else {
        decoder.end();
    }
    let (mut text, mut end) = (String::new(), None);
    while let Some(event) = decoder.next() {
        assert!(end.is_none(), "something follows the end");
        match event {
            Ok(ProviderEvent::Token(piece)) => text.push_str(&piece),
            Ok(
                ProviderEvent::Usage(_)
                | ProviderEvent::Thought(_)
                | ProviderEvent::Call(_)
                | ProviderEvent::Alive { .. },
            ) => {}
            last => end = Some(last),
        }
    }
    assert!(decoder.is_over());
    Read { text, end: end.expect("a stream has an end") }
}

/// The ways to all fields of a value.
fn ways(value: &Value, way: &[String], all: &mut Vec<Vec<String>>) {
    let mut go = |key: String, value: &Value| {
        let way = [way, &[key]].concat();
        ways(value, &way, all);
        all.push(way);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| go(key.clone(), value)),
        Value::Array(values) => values.iter().enumerate().for_each(|(at, value)| go(at.to_string(), value)),
        _ => {}
    }
}

fn field<'a>(value: &'a mut Value, way: &[String]) -> &'a mut Value {
    way.iter().fold(value, |value, key| match value {
        Value::Array(values) => &mut values[key.parse::<usize>().unwrap()],
        value => &mut value[key.as_str()],
    })
}

fn odd(rng: &mut StdRng) -> Value {
    let odd = [
        json!(null),
        json!(""),
        json!("7"),
        json!(5),
        json!(-35),
        json!(12.0),
        json!(0.5),
        json!(true),
        json!(false),
        json!([]),
        json!({}),
        json!([[]]),
        json!([null]),
        json!({"a": 1}),
        json!(u64::MAX),
        json!(i64::MIN),
        json!("@1e999@"),
        json!("@surrogate@"),
    ];
    odd.choose(rng).unwrap().clone()
}

/// Changes one field. Returns whether the answer is still whole by all that can be known.
fn change_field(dialect: &Dialect, (role, piece): &mut Piece, rng: &mut StdRng) -> bool {
    let mut all = Vec::new();
    ways(piece, &[], &mut all);
    let way = all.choose(rng).unwrap().clone();
    let value = odd(rng);
    let needed = match role {
        Role::Text => dialect.text,
        Role::Finish => dialect.finish,
        Role::Beside => &[],
    };
    let is_needed = way.iter().zip(needed).all(|(step, needed)| step == needed) && way.len() <= needed.len();
    let is_loaded = way.last().is_some_and(|last| dialect.loaded.contains(&last.as_str()));
    *field(piece, &way) = value;
    !is_needed && !is_loaded
}

fn render(piece: &Value) -> String {
    piece.to_string().replace(HUGE, "1e999").replace("\"@surrogate@\"", "\"\\ud83d\"")
}

struct Mutated {
    stream: String,
    is_cut: bool,
    /// Nothing of the text and of its end is damaged.
    is_whole: bool,
}

fn mutate(dialect: &Dialect, rng: &mut StdRng) -> Mutated {
    let mut pieces = dialect.pieces.clone();
    let mut is_whole = true;
    for _ in 0..rng.random_range(0..3) {
        let at = rng.random_range(0..pieces.len());
        is_whole &= change_field(dialect, &mut pieces[at], rng);
    }
    let finish = pieces.iter().position(|(role, _)| *role == Role::Finish).unwrap();
    let last_text = pieces.iter().rposition(|(role, _)| *role == Role::Text).unwrap();
    match rng.random_range(0..8) {
        // In another order: what is beside may come anywhere.
        0 => {
            let beside: Vec<_> = pieces.extract_if(.., |(role, _)| *role == Role::Beside).collect();
            for piece in beside {
                pieces.insert(rng.random_range(0..=pieces.len()), piece);
            }
        }
        1 => {
            pieces.shuffle(rng);
            is_whole = false;
        }
        2 => {
            let gone = pieces.remove(rng.random_range(0..pieces.len()));
            is_whole &= gone.0 == Role::Beside;
        }
        // The finish reason before the last of the text.
        3 => pieces.swap(finish, last_text),
        _ => {}
    }
    let end = *["\n\n", "\r\n\r\n", "\r\r", "\n"].choose(rng).unwrap();
    let mut ends = Vec::new();
    let mut stream = String::new();
    for (_, piece) in &pieces {
        let mut json = render(piece);
        if rng.random_bool(0.1) {
            // The same field twice: the last counts, as it does for others.
            json.insert_str(1, "\"usage\":7,\"usageMetadata\":[],\"id\":-1,\"id\":1e999,");
        }
        stream.extend(["data: ", &json, end]);
        ends.push(stream.len());
    }
    if rng.random_bool(0.5) {
        stream.extend(["data: [DONE]", end]);
    }
    // Behind this, all of the text and its end have come.
    let needed = pieces.iter().rposition(|(role, _)| *role != Role::Beside).unwrap_or(0);
    let enough = ends[needed] - end.len();
    match rng.random_range(0..6) {
        0 => {
            let at = stream.floor_char_boundary(rng.random_range(0..=stream.len()));
            stream.truncate(at);
            is_whole &= at >= enough;
        }
        1 => {
            let from = stream.floor_char_boundary(rng.random_range(0..stream.len()));
            let to = stream.floor_char_boundary((from + rng.random_range(1..40)).min(stream.len()));
            stream.replace_range(from..to, "");
            is_whole &= from >= ends[needed];
        }
        2 => {
            let at = stream.floor_char_boundary(rng.random_range(0..=stream.len()));
            stream.insert_str(at, ["{", "}", "\"", ":", "\n", "\u{0}", "data: ", "[DONE]", "é"].choose(rng).unwrap());
            is_whole &= at >= ends[needed];
        }
        _ => {}
    }
    Mutated { stream, is_cut: rng.random_bool(0.2), is_whole }
}

fn every_mutation(dialect: &Dialect) {
    let count = std::env::var("TESSERA_MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(40_000_u64);
    let (mut whole, mut lost) = (0, 0);
    for seed in 0..count {
        let mut rng = StdRng::seed_from_u64(seed);
        let Mutated { stream, is_cut, is_whole } = mutate(dialect, &mut rng);
        let Read { text, end } = decode(dialect.read, stream.as_bytes(), &mut rng, is_cut);
        if is_whole {
            whole += 1;
            // What was put in later may be text.
            assert!(text.starts_with(&TEXTS.concat()), "{seed}: {text:?}, {end:?}\n{stream}");
            let is_done = matches!(end, Ok(ProviderEvent::Done { finish: Finish::Whole, .. }));
            assert!(is_done, "{seed}: {end:?}\n{stream}");
        } else {
            lost += 1;
        }
    }
    assert!(whole * 10 > count && lost * 10 > count, "{whole} and {lost} of {count}");
}

#[test]
fn what_is_damaged_beside_an_openai_answer_does_not_cost_it() {
    every_mutation(&openai_dialect());
}

#[test]
fn what_is_damaged_beside_a_gemini_answer_does_not_cost_it() {
    every_mutation(&gemini_dialect());
}

#[test]
fn what_is_damaged_beside_an_anthropic_answer_does_not_cost_it() {
    every_mutation(&anthropic_dialect());
}

#[test]
fn any_bytes_are_survived() {
    for dialect in [openai_dialect(), gemini_dialect(), anthropic_dialect()] {
        for seed in 0..2000 {
            let mut rng = StdRng::seed_from_u64(seed);
            let bytes: Vec<u8> = (0..rng.random_range(0..300))
                .map(|_| *b"{}[]\":, \n\rdata1e\xf0\x9f".choose(&mut rng).unwrap())
                .collect();
            let Read { end, .. } = decode(dialect.read, &bytes, &mut rng, seed % 2 == 0);
            assert!(end.is_err(), "{bytes:?}");
        }
    }
    for deep in ["[", "{\"choices\":[", "data: [[", "{\"a\":"] {
        let read = decode(openai::read_piece, deep.repeat(60_000).as_bytes(), &mut StdRng::seed_from_u64(0), false);
        assert!(read.end.is_err());
    }
}
