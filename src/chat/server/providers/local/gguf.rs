//! What the head of a GGUF file says (<https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>), read before llama.cpp gets
//! the file: of one that does not chat it would say so too late, and some that are damaged end the whole program there.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// Longest name of a value or a tensor.
const LONGEST_NAME: u64 = 64 * 1024;
/// Longest text that is kept; templates have some thousand bytes.
const LONGEST_TEXT: u64 = 1024 * 1024;
/// Fewer tokens are no conversation.
const LEAST_WINDOW: u64 = 128;
/// Architectures that read a text and write none, or need another part before they can.
const NOT_CHATTING: [&str; 16] = [
    "bert",
    "clip",
    "dflash",
    "distilbert",
    "eagle3",
    "eurobert",
    "gemma-embedding",
    "jina-bert-v2",
    "jina-bert-v3",
    "modern-bert",
    "neo-bert",
    "nomic-bert",
    "nomic-bert-moe",
    "roberta",
    "t5encoder",
    "wavtokenizer-dec",
];
/// These first read with one half what the other half writes about.
const IN_TWO_HALVES: &str = "t5";

/// Says why a file cannot chat, if it cannot. The text completes the sentence "The file …".
pub(super) fn check(path: &Path) -> Result<(), String> {
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let length = file.metadata().map_err(|error| format!("cannot be read: {error}"))?.len();
    Head::read(&mut Input { from: BufReader::new(file), left: length })?.check()
}

/// A value of the head, as far as it matters here.
#[derive(Debug, PartialEq)]
enum Value {
    Number(u64),
    Flag(bool),
    Text(String),
    List { kind: u32, count: u64 },
    Other,
}

#[derive(Debug)]
struct Head {
    values: HashMap<String, Value>,
    tensors: u64,
}

const TEXT: u32 = 8;
const LIST: u32 = 9;
/// `u32` and `i32`, and `f32`.
const WHOLE: [u32; 2] = [4, 5];
const FRACTION: [u32; 1] = [6];

impl Head {
    fn read(input: &mut Input<impl Read>) -> Result<Self, String> {
        const ENDIAN: &str = "is a GGUF file for machines of another byte order";
        let magic = input.bytes::<4>().map_err(|_| "is no GGUF file".to_owned())?;
        if magic != *b"GGUF" {
            return Err("is no GGUF file".to_owned());
        }
        match input.number()? {
            2 | 3 => {}
            version if version.swap_bytes() < 16 => return Err(ENDIAN.to_owned()),
            version => return Err(format!("is a GGUF file of version {version}, which is not known here")),
        }
        let (tensors, count) = (input.long()?, input.long()?);
        let mut values = HashMap::new();
        for _ in 0..count {
            let name = input.text(LONGEST_NAME)?;
            let kind = input.number()?;
            values.insert(name, input.value(kind)?);
        }
        for _ in 0..tensors {
            input.text(LONGEST_NAME)?;
            let dimensions = input.number()?;
            if dimensions > 4 {
                return Err(damaged());
            }
            input.skip(u64::from(dimensions) * 8 + 4)?;
            // Where it is, after the head.
            if input.long()? > input.left {
                return Err("is not all there".to_owned());
            }
        }
        Ok(Self { values, tensors })
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(Value::Text(text)) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// How many there are in a list of one of these kinds; `None` where there is no list.
    fn count(&self, name: &str, kinds: &[u32]) -> Result<Option<u64>, String> {
        match self.values.get(name) {
            None => Ok(None),
            Some(Value::List { kind, count }) if kinds.contains(kind) => Ok(Some(*count)),
            Some(_) => Err(damaged()),
        }
    }

    fn check(&self) -> Result<(), String> {
        let architecture = self.text("general.architecture").ok_or("does not say what kind of model it is")?;
        let of_it = |name: &str| self.values.get(&format!("{architecture}.{name}"));
        match self.text("general.type") {
            None | Some("model") => {}
            Some(other) => return Err(format!("is no model: it says that it is {other:?}")),
        }
        let pools = matches!(of_it("pooling_type"), Some(Value::Number(1..)));
        let looks_ahead = of_it("attention.causal") == Some(&Value::Flag(false));
        if pools || looks_ahead || NOT_CHATTING.contains(&architecture) {
            return Err(format!("is no model that chats, but one that is made for other work ({architecture})"));
        }
        if architecture == IN_TWO_HALVES {
            return Err(format!("is of an architecture that is not run here ({architecture})"));
        }
        self.check_vocabulary()?;
        match of_it("context_length") {
            Some(Value::Number(LEAST_WINDOW..)) => {}
            Some(Value::Number(tokens)) => return Err(format!("takes {tokens} tokens, which are too few to chat")),
            _ => return Err(damaged()),
        }
        if self.tensors == 0 {
            return Err("has a vocabulary and no model in it".to_owned());
        }
        if self.text("tokenizer.chat_template").is_none() {
            return Err("has no chat template: it goes on with texts, and does not chat".to_owned());
        }
        Ok(())
    }

    /// llama.cpp reads these lists beside each other, and trusts in their kinds and lengths.
    fn check_vocabulary(&self) -> Result<(), String> {
        const MISSING: &str = "has no vocabulary";
        match self.text("tokenizer.ggml.model") {
            None | Some("none" | "no_vocab") => return Err(MISSING.to_owned()),
            Some(_) => {}
        }
        let tokens = self.count("tokenizer.ggml.tokens", &[TEXT])?.filter(|count| *count > 0).ok_or(MISSING)?;
        for (name, kinds) in [("tokenizer.ggml.scores", &FRACTION[..]), ("tokenizer.ggml.token_type", &WHOLE[..])] {
            if self.count(name, kinds)?.is_some_and(|count| count != tokens) {
                return Err(damaged());
            }
        }
        self.count("tokenizer.ggml.merges", &[TEXT])?;
        Ok(())
    }
}

fn damaged() -> String {
    "is damaged".to_owned()
}

/// A file, and how much of it is left: whatever it says of lengths, nothing is read beyond.
struct Input<R> {
    from: R,
    left: u64,
}

impl<R: Read> Input<R> {
    fn take(&mut self, length: u64) -> Result<(), String> {
        self.left = self.left.checked_sub(length).ok_or("is not all there")?;
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N as u64)?;
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn long(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn skip(&mut self, length: u64) -> Result<(), String> {
        self.take(length)?;
        let skipped = io::copy(&mut self.from.by_ref().take(length), &mut io::sink());
        match skipped {
            Ok(skipped) if skipped == length => Ok(()),
            _ => Err("is not all there".to_owned()),
        }
    }

    /// A text of at most so many bytes.
    fn text(&mut self, longest: u64) -> Result<String, String> {
        let length = self.long()?;
        if length > longest {
            return Err(damaged());
        }
        self.take(length)?;
        let mut bytes = Vec::new();
        match self.from.by_ref().take(length).read_to_end(&mut bytes) {
            Ok(read) if read as u64 == length => String::from_utf8(bytes).map_err(|_| damaged()),
            _ => Err("is not all there".to_owned()),
        }
    }

    fn value(&mut self, kind: u32) -> Result<Value, String> {
        Ok(match kind {
            0 => Value::Number(self.bytes::<1>()?[0].into()),
            1 => signed(i8::from_le_bytes(self.bytes()?).into()),
            2 => Value::Number(u16::from_le_bytes(self.bytes()?).into()),
            3 => signed(i16::from_le_bytes(self.bytes()?).into()),
            4 => Value::Number(self.number()?.into()),
            5 => signed(i32::from_le_bytes(self.bytes()?).into()),
            6 => {
                self.skip(4)?;
                Value::Other
            }
            7 => match self.bytes::<1>()? {
                [0] => Value::Flag(false),
                [1] => Value::Flag(true),
                _ => return Err(damaged()),
            },
            TEXT => Value::Text(self.text(LONGEST_TEXT)?),
            LIST => self.list()?,
            10 => Value::Number(self.long()?),
            11 => signed(i64::from_le_bytes(self.bytes()?)),
            12 => {
                self.skip(8)?;
                Value::Other
            }
            _ => return Err(damaged()),
        })
    }

    fn list(&mut self) -> Result<Value, String> {
        let (kind, count) = (self.number()?, self.long()?);
        let size = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            TEXT => {
                for _ in 0..count {
                    let length = self.long()?;
                    self.skip(length)?;
                }
                return Ok(Value::List { kind, count });
            }
            _ => return Err(damaged()),
        };
        self.skip(count.checked_mul(size).ok_or_else(damaged)?)?;
        Ok(Value::List { kind, count })
    }
}

fn signed(number: i64) -> Value {
    u64::try_from(number).map_or(Value::Other, Value::Number)
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
    }

    fn of_text(content: &str) -> Vec<u8> {
        [&TEXT.to_le_bytes()[..], &text(content)].concat()
    }

    fn of_number(number: u32) -> Vec<u8> {
        [4_u32.to_le_bytes(), number.to_le_bytes()].concat()
    }

    fn of_list(kind: u32, count: u64, content: &[u8]) -> Vec<u8> {
        [&LIST.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), content].concat()
    }

    /// What a small model that chats says.
    fn chatting() -> Vec<(&'static str, Vec<u8>)> {
        vec![
            ("general.architecture", of_text("llama")),
            ("llama.context_length", of_number(2048)),
            ("tokenizer.ggml.model", of_text("gpt2")),
            ("tokenizer.ggml.tokens", of_list(TEXT, 2, &[text("a"), text("b")].concat())),
            ("tokenizer.ggml.token_type", of_list(5, 2, &[1, 0, 0, 0, 1, 0, 0, 0])),
            ("tokenizer.chat_template", of_text("{{ messages }}")),
        ]
    }

    fn with(name: &'static str, value: Vec<u8>) -> Vec<(&'static str, Vec<u8>)> {
        let mut values = without(name);
        values.push((name, value));
        values
    }

    fn without(name: &str) -> Vec<(&'static str, Vec<u8>)> {
        chatting().into_iter().filter(|(known, _)| *known != name).collect()
    }

    /// A file with one tensor of 32 bytes.
    fn file(values: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend((values.len() as u64).to_le_bytes());
        for (name, value) in values {
            bytes.extend(text(name));
            bytes.extend(value);
        }
        bytes.extend(text("token_embd.weight"));
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(8_u64.to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(0_u64.to_le_bytes());
        bytes.extend([0; 64]);
        bytes
    }

    fn check(bytes: &[u8]) -> Result<(), String> {
        Head::read(&mut Input { from: bytes, left: bytes.len() as u64 })?.check()
    }

    #[test]
    fn what_cannot_chat_says_why() {
        assert_eq!(check(&file(&chatting())), Ok(()));
        let mut embedding = with("general.architecture", of_text("qwen3"));
        embedding.extend([("qwen3.context_length", of_number(2048)), ("qwen3.pooling_type", of_number(3))]);
        let mut looking_ahead = chatting();
        looking_ahead.push(("llama.attention.causal", [&7_u32.to_le_bytes()[..], &[0]].concat()));
        for (values, reason) in [
            (with("general.architecture", of_text("bert")), "is no model that chats"),
            (with("general.architecture", of_text("t5")), "an architecture that is not run here"),
            (embedding, "is no model that chats"),
            (looking_ahead, "is no model that chats"),
            (with("general.architecture", of_number(1)), "what kind of model"),
            (without("general.architecture"), "what kind of model"),
            (with("general.type", of_text("adapter")), "\"adapter\""),
            (without("tokenizer.chat_template"), "no chat template"),
            (with("tokenizer.chat_template", of_text(" ")), "no chat template"),
            (with("tokenizer.chat_template", of_number(1)), "no chat template"),
            (without("tokenizer.ggml.model"), "no vocabulary"),
            (with("tokenizer.ggml.model", of_text("no_vocab")), "no vocabulary"),
            (with("tokenizer.ggml.tokens", of_list(TEXT, 0, &[])), "no vocabulary"),
            (with("tokenizer.ggml.tokens", of_list(5, 2, &[0; 8])), "damaged"),
            (with("tokenizer.ggml.token_type", of_list(5, 1, &[0; 4])), "damaged"),
            (with("tokenizer.ggml.token_type", of_text("x")), "damaged"),
            (with("tokenizer.ggml.scores", of_list(4, 2, &[0; 8])), "damaged"),
            (with("tokenizer.ggml.merges", of_list(5, 2, &[0; 8])), "damaged"),
            (with("llama.context_length", of_number(8)), "too few"),
            (without("llama.context_length"), "damaged"),
        ] {
            let told = check(&file(&values)).unwrap_err();
            assert!(told.contains(reason), "{told:?}, not {reason:?}");
        }
        let whole = file(&chatting());
        for (bytes, reason) in [
            (&b""[..], "no GGUF"),
            (b"GG", "no GGUF"),
            (b"<!doctype html>", "no GGUF"),
            (b"GGUF\x01\0\0\0", "version 1"),
            (b"GGUF\0\0\0\x03", "byte order"),
            (&whole[..40], "not all there"),
            (&whole[..whole.len() - 100], "not all there"),
        ] {
            let told = check(bytes).unwrap_err();
            assert!(told.contains(reason), "{told:?}, not {reason:?}");
        }
    }

    #[test]
    fn whatever_the_bytes_are_it_comes_to_an_end() {
        let whole = file(&chatting());
        let mut random = SmallRng::seed_from_u64(16);
        for _ in 0..100_000 {
            let mut bytes = whole.clone();
            for _ in 0..random.random_range(1..6) {
                let at = random.random_range(0..bytes.len());
                bytes[at] = random.random();
            }
            bytes.truncate(random.random_range(0..=bytes.len()));
            _ = check(&bytes);
        }
    }
}
