//! What a server says of a failure, in whatever form it says it.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess};

use super::error::{ProviderError, Refusal};
use crate::platform::http::outgoing::brief;
use crate::platform::lenient::{self, All, Code, First, Lenient, Odd};

/// A failure as it is told: `{"error":{"message","type","code","status"}}`, `{"error":"…"}`, `FastAPI`'s `detail`, or any text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Fault {
    is_set: bool,
    message: String,
    /// Its codes and kinds, and the field it is about.
    marks: [String; 4],
    window: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    message: Odd<Text>,
    code: Odd<Code>,
    #[serde(rename = "type")]
    kind: Odd<Code>,
    status: Odd<Code>,
    param: Odd<Code>,
    /// What `llama.cpp` says beside a context that is too long.
    n_ctx: Odd<Option<u32>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    error: Odd<Fault>,
    detail: Odd<Text>,
    message: Odd<Text>,
}

/// A text, the texts of a list, or the places and texts of `FastAPI`.
#[derive(Default)]
struct Text(String);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    loc: Odd<Path>,
    msg: Odd<String>,
    message: Odd<String>,
}

#[derive(Default)]
struct Path(String);

impl Lenient for Path {
    fn of_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    fn of_number(number: u64) -> Self {
        Self(number.to_string())
    }

    fn of_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut path = Vec::new();
        while let Some(Odd(Code(step))) = list.next_element::<Odd<Code>>()? {
            path.push(step);
        }
        Ok(Self(path.join(".")))
    }
}

impl Problem {
    /// Never what was sent, which `FastAPI` has beside it.
    fn tell(self) -> String {
        let text = if self.msg.0.is_empty() { self.message.0 } else { self.msg.0 };
        if self.loc.0.0.is_empty() { text } else { format!("{}: {text}", self.loc.0.0) }
    }
}

impl Lenient for Text {
    fn of_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    fn of_list<'de, A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        let All(problems) = All::<Problem>::of_list(list)?;
        Ok(Self(problems.into_iter().map(Problem::tell).collect::<Vec<_>>().join("; ")))
    }

    fn of_object<'de, A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        Ok(Self(First::<Problem>::of_object(object)?.0.unwrap_or_default().tell()))
    }
}

impl Lenient for Fault {
    fn of_text(text: &str) -> Self {
        Self { is_set: !text.trim().is_empty(), message: text.to_owned(), ..Self::default() }
    }

    fn of_flag(flag: bool) -> Self {
        Self { is_set: flag, ..Self::default() }
    }

    fn of_number(number: u64) -> Self {
        Self { is_set: number > 0, message: number.to_string(), ..Self::default() }
    }

    fn of_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut fault = Self::default();
        while let Some(Odd(next)) = list.next_element::<Odd<Self>>()? {
            if !fault.is_set {
                fault = next;
            }
        }
        Ok(fault)
    }

    fn of_object<'de, A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        let Fields { message, code, kind, status, param, n_ctx } = read_object(object)?;
        // Zero is what some write for no code.
        let marks =
            [code.0, kind.0, status.0, param.0].map(|Code(mark)| if mark == "0" { String::new() } else { mark });
        // An object of nothing says nothing.
        let is_set = !message.0.0.trim().is_empty() || marks[..3].iter().any(|mark| !mark.is_empty());
        Ok(Self { is_set, message: message.0.0, marks, window: n_ctx.0 })
    }
}

fn read_object<'de, T: DeserializeOwned + Default, A: MapAccess<'de>>(object: A) -> Result<T, A::Error> {
    Ok(First::of_object(object)?.0.unwrap_or_default())
}

impl Fault {
    /// One of which there is only a text.
    #[must_use]
    pub fn of(message: &str) -> Self {
        Self { is_set: true, message: message.to_owned(), ..Self::default() }
    }

    /// Whether there is one.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        self.is_set
    }

    /// Whether this is its code, or its kind.
    #[must_use]
    pub fn is(&self, mark: &str) -> bool {
        self.marks.iter().any(|own| own == mark)
    }

    /// For logs, and for who asked.
    #[must_use]
    pub fn text(&self) -> String {
        let [code, ..] = &self.marks;
        let gap = if code.is_empty() || self.message.is_empty() { "" } else { " " };
        format!("{code}{gap}{}", self.message)
    }

    /// What it means in the middle of an answer.
    #[must_use]
    pub fn broke_off(&self) -> ProviderError {
        let text = self.text();
        match self.too_long() {
            Some(window) => ProviderError::TooLong { reason: brief(&text), window },
            None if self.is_blocked() => ProviderError::Blocked(brief(&text)),
            None if self.is_of_request() => ProviderError::Rejected(brief(&text)),
            None => ProviderError::Malformed(format!("broke off: {}", brief(&text))),
        }
    }

    /// Whether it says that a filter lets nothing of this through, be it what was asked or what came of it.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        ["content_filter", "content_policy_violation"].iter().any(|mark| self.is(mark))
            || self.says(&["content filter", "content policy", "content management policy", "moderation", "flagged"])
    }

    /// Whether it says that what was asked is why: another request may be taken.
    fn is_of_request(&self) -> bool {
        ["invalid_request_error", "INVALID_ARGUMENT", "BadRequestError", "400", "422"].iter().any(|mark| self.is(mark))
    }

    /// Whether it says that the context is too long, and how many tokens it may have, where that is told.
    #[must_use]
    pub fn too_long(&self) -> Option<Option<u32>> {
        const SIGNS: [&str; 12] = [
            "maximum number of tokens",
            "context length",
            "context_length",
            "context size",
            "context window",
            "maximum context",
            "context limit",
            "max_model_len",
            "prompt is too long",
            "input is too long",
            "prompt too long",
            "input token count",
        ];
        let text = self.message.to_lowercase();
        let sign = SIGNS.iter().find_map(|sign| text.find(sign));
        let is_marked = self.is("context_length_exceeded") || self.is("exceed_context_size_error");
        if sign.is_none() && !is_marked {
            return None;
        }
        // `maximum context length is 2048 tokens`, `available context size (2048 tokens)`
        // `prompt is too long: 208310 tokens > 200000 maximum`
        let told = &text[sign.unwrap_or(0)..];
        let told = told.split_once('>').map_or(told, |(_, most)| most);
        let told = told
            .split(|c: char| !c.is_ascii_digit())
            .find_map(|number| number.parse().ok().filter(|number| (256..=16_000_000).contains(number)));
        Some(self.window.or(told))
    }

    /// Whether it is about how large a number is: the field is known, and another value may be taken.
    #[must_use]
    pub fn is_about_size(&self) -> bool {
        self.is_too_much() || self.says(&["greater than", "too small", "too low", "at least", "minimum", "below", ">="])
    }

    /// Whether it says that a number is too small: without it there would be no limit.
    #[must_use]
    pub fn is_too_little(&self) -> bool {
        self.is_about_size() && !self.is_too_much()
    }

    fn is_too_much(&self) -> bool {
        const SIGNS: [&str; 10] = [
            "too large",
            "too high",
            "too big",
            "at most",
            "maximum",
            "exceed",
            "less than",
            "is greater than",
            "range",
            "between",
        ];
        self.says(&SIGNS)
    }

    fn says(&self, signs: &[&str]) -> bool {
        let text = self.text().to_ascii_lowercase();
        signs.iter().any(|sign| text.contains(sign))
    }

    /// Whether it names a field of a request.
    #[must_use]
    pub fn names(&self, field: &str) -> bool {
        self.is(field) || {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let (text, field) = (self.message.to_ascii_lowercase(), field.to_ascii_lowercase());
            text.match_indices(&field)
                .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + field.len()..].starts_with(is_part))
        }
    }
}

impl Refusal {
    /// What the server says of it.
    #[must_use]
    pub fn fault(&self) -> Fault {
        let text = String::from_utf8_lossy(&self.body);
        // A list of one, sometimes.
        let json = text.trim();
        let json = json.strip_prefix('[').and_then(|json| json.strip_suffix(']')).unwrap_or(json);
        let is_json = serde_json::from_str::<IgnoredAny>(json).is_ok();
        let Body { error: Odd(fault), detail, message } = lenient::read(json).unwrap_or_default();
        if fault.is_set {
            return fault;
        }
        let told = if detail.0.0.is_empty() { message.0.0 } else { detail.0.0 };
        let told = if told.is_empty() && !is_json { json.to_owned() } else { told };
        Fault { is_set: true, message: told, ..Fault::default() }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn fault(body: &str) -> Fault {
        Refusal { status: StatusCode::BAD_REQUEST, retry_after: None, body: body.as_bytes().to_vec() }.fault()
    }

    #[test]
    fn the_reason_is_found_in_every_form() {
        for (body, text) in [
            (r#"{"error":{"message":"no","type":"t","param":null,"code":"c"}}"#, "c no"),
            (r#"[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]"#, "400 no"),
            (r#"{"error":"no"}"#, "no"),
            (r#"{"error":null,"message":"no"}"#, "no"),
            (r#"{"object":"error","message":"no","code":400}"#, "no"),
            (r#"{"detail":"no"}"#, "no"),
            (
                r#"{"detail":[{"loc":["body","max_completion_tokens"],"msg":"Extra inputs are not permitted","input":"mine"},
                    {"loc":["body","messages",0],"msg":"no"}]}"#,
                "body.max_completion_tokens: Extra inputs are not permitted; body.messages.0: no",
            ),
            ("<html>no", "<html>no"),
            ("", ""),
            ("{}", ""),
        ] {
            assert_eq!(fault(body).text(), text, "{body}");
        }
    }

    #[test]
    fn a_fault_of_nothing_is_none() {
        for error in [r#"{"code":0,"message":""}"#, "{}", "null", "\"\"", "false", "0", "[]"] {
            let Body { error: Odd(fault), .. } = lenient::read(&format!("{{\"error\":{error}}}")).unwrap();
            assert!(!fault.is_set(), "{error}");
        }
    }

    #[test]
    fn what_breaks_off_says_whether_the_request_is_why() {
        let broke_off = |body: &str| fault(body).broke_off();
        for body in [
            r#"{"error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}"#,
            r#"{"error":{"code":"content_filter","message":"no"}}"#,
            r#"{"error":{"code":403,"message":"The input was flagged"}}"#,
        ] {
            assert!(matches!(broke_off(body), ProviderError::Blocked(_)), "{body}");
        }
        for body in [
            r#"{"error":{"type":"invalid_request_error","message":"no"}}"#,
            r#"{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}"#,
        ] {
            assert!(matches!(broke_off(body), ProviderError::Rejected(_)), "{body}");
        }
        for body in [r#"{"error":{"code":500,"message":"no"}}"#, r#"{"error":"no"}"#] {
            assert!(matches!(broke_off(body), ProviderError::Malformed(_)), "{body}");
        }
    }

    #[test]
    fn a_number_is_too_large_or_too_small() {
        let size = |text: &str| {
            let fault = Fault::of(text);
            (fault.is_about_size(), fault.is_too_little())
        };
        for text in ["max_tokens is too large: 9. It supports at most 4", "the valid range of max_tokens is [1, 8192]"]
        {
            assert_eq!(size(text), (true, false), "{text}");
        }
        for text in ["integer below minimum value. Expected >= 16", "Input should be greater than or equal to 1"] {
            assert_eq!(size(text), (true, true), "{text}");
        }
        assert_eq!(size("max_tokens: extra inputs are not permitted"), (false, false));
    }

    #[test]
    fn fields_are_named_as_words() {
        let named = fault(r#"{"detail":"max_completion_tokens is not known"}"#);
        assert!(named.names("max_completion_tokens") && !named.names("max_tokens") && !named.names("tokens"));
        assert!(fault(r#"{"error":{"message":"no","param":"stream_options"}}"#).names("stream_options"));
    }

    #[test]
    fn a_context_that_is_too_long_is_told_with_its_window() {
        for (body, window) in [
            (r#"{"error":{"code":"context_length_exceeded","message":"no"}}"#, None),
            (
                r#"{"error":{"message":"This model's maximum context length is 2048 tokens. However, you requested 6000."}}"#,
                Some(2048),
            ),
            (
                r#"{"error":{"code":400,"message":"the request (5000 tokens) exceeds the available context size (4096 tokens)","n_ctx":4096}}"#,
                Some(4096),
            ),
            (
                r#"{"error":{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}}"#,
                Some(200_000),
            ),
            (
                r#"{"error":{"message":"The input token count (9999) exceeds the maximum number of tokens allowed (1048576)."}}"#,
                Some(1_048_576),
            ),
        ] {
            assert_eq!(fault(body).too_long(), Some(window), "{body}");
        }
        assert_eq!(fault(r#"{"error":{"message":"max_tokens is 1024 tokens too many"}}"#).too_long(), None);
    }
}
