//! Cuts what a provider sends into the texts of its events: as the standard has it, and as servers send it all the same.
//!
//! Beyond the standard (`platform/sse.rs`): the last event needs no empty line after it, events may be parted by one line feed,
//! and what is no event stream at all (one JSON object, a list of them, one in each line) is read too.

use std::mem::take;

use memchr::memchr2;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// Most bytes of one event, so that a stream without an end of line cannot fill the memory.
const MOST: usize = 1024 * 1024;

/// Where a text stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Event,
    /// In a body that is no event stream.
    Body,
}

/// An event is longer than a mebibyte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Takes bytes in whatever pieces they come, and gives the texts to `each`.
#[derive(Default)]
pub(super) struct Frames {
    /// The line that is being read, without its end.
    line: Vec<u8>,
    /// The lines of `data` of the event that is being read.
    data: Vec<u8>,
    /// What is no line of an event stream.
    loose: Vec<u8>,
    after_cr: bool,
    /// A byte order mark can stand before the first line only.
    after_first_line: bool,
}

impl Frames {
    pub(super) fn push(&mut self, bytes: &[u8], each: &mut impl FnMut(Place, &str)) -> Result<(), TooLarge> {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if take(&mut self.after_cr) && first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let end = memchr2(b'\r', b'\n', rest);
            let piece = &rest[..end.unwrap_or(rest.len())];
            if self.line.len() + piece.len() + self.data.len() + self.loose.len() > MOST {
                return Err(TooLarge);
            }
            let Some(end) = end else {
                self.line.extend_from_slice(piece);
                break;
            };
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if self.line.is_empty() {
                self.end_line(piece, each);
            } else {
                let mut line = take(&mut self.line);
                line.extend_from_slice(piece);
                self.end_line(&line, each);
                // It keeps its room.
                line.clear();
                self.line = line;
            }
        }
        Ok(())
    }

    /// Nothing more comes: what is there counts as it is.
    pub(super) fn end(&mut self, each: &mut impl FnMut(Place, &str)) {
        let line = take(&mut self.line);
        if !line.is_empty() {
            self.end_line(&line, each);
        }
        self.end_event(each);
        let loose = take(&mut self.loose);
        let text = String::from_utf8_lossy(&loose);
        each_value(text.trim(), &mut |value| each(Place::Body, value));
    }

    fn end_line(&mut self, bytes: &[u8], each: &mut impl FnMut(Place, &str)) {
        let mut line = bytes;
        if !self.after_first_line {
            self.after_first_line = true;
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_event(each);
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        match field {
            b"data" => {
                if !self.data.is_empty() {
                    if is_whole(&self.data) {
                        self.end_event(each);
                    } else {
                        self.data.push(b'\n');
                    }
                }
                self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            }
            // A comment; or what is of no use here.
            b"" | b"event" | b"id" | b"retry" => {}
            _ => self.end_loose_line(line, each),
        }
    }

    fn end_event(&mut self, each: &mut impl FnMut(Place, &str)) {
        if !self.data.is_empty() {
            // Lines end at ASCII bytes, which are never part of a longer character, so none was cut in two.
            match std::str::from_utf8(&self.data) {
                Ok(text) => each(Place::Event, text),
                Err(_) => each(Place::Event, &String::from_utf8_lossy(&self.data)),
            }
            self.data.clear();
        }
    }

    fn end_loose_line(&mut self, line: &[u8], each: &mut impl FnMut(Place, &str)) {
        if is_whole(&self.data) {
            // Nothing overtakes what came before it.
            self.end_event(each);
        }
        if self.loose.is_empty() && is_whole(line) {
            each(Place::Body, &String::from_utf8_lossy(line));
        } else {
            self.loose.extend_from_slice(line);
            self.loose.push(b'\n');
        }
    }
}

/// Whether this can be an event by itself.
fn is_whole(data: &[u8]) -> bool {
    let data = data.trim_ascii();
    data == b"[DONE]"
        || data.starts_with(b"{") && data.ends_with(b"}") && serde_json::from_slice::<IgnoredAny>(data).is_ok()
}

/// The values of a text, one after the other, and those of a list one by one. What is no JSON is one value.
pub(super) fn each_value(text: &str, each: &mut impl FnMut(&str)) {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    loop {
        let from = values.byte_offset();
        match values.next() {
            None => return,
            Some(Ok(value)) => match serde_json::from_str::<Vec<&RawValue>>(value.get()) {
                Ok(list) if !list.is_empty() => list.iter().for_each(|value| each(value.get())),
                _ => each(value.get()),
            },
            Some(Err(_)) => return each(text[from..].trim()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::platform::sse::SseParser;

    fn cut(pieces: &[&[u8]]) -> Vec<(Place, String)> {
        let (mut frames, mut all) = (Frames::default(), Vec::new());
        let mut each = |place, text: &str| all.push((place, text.to_owned()));
        for piece in pieces {
            frames.push(piece, &mut each).unwrap();
        }
        frames.end(&mut each);
        all
    }

    fn texts(stream: &str) -> Vec<String> {
        cut(&[stream.as_bytes()]).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn events_end_with_a_line_with_the_next_or_with_the_stream() {
        let (a, b) = ("{\"a\":1}", "{\"b\":2}");
        for stream in [
            format!("data: {a}\n\ndata: {b}\n\ndata: [DONE]\n\n"),
            format!("\u{feff}data:{a}\r\n\r\n: ping\r\ndata:{b}\r\rdata: [DONE]"),
            format!("data: {a}\ndata: {b}\ndata: [DONE]\n"),
            format!("data: {a}\n{b}\n[DONE]\n"),
            format!("event: x\nid: 1\ndata: {a}\nevent: x\ndata: {b}\r\ndata: [DONE]\r\n"),
        ] {
            assert_eq!(texts(&stream), [a, b, "[DONE]"], "{stream:?}");
        }
        assert_eq!(texts("data: {\"a\":\ndata: 1}\n\n"), ["{\"a\":\n1}"]);
    }

    #[test]
    fn what_is_no_event_stream_is_read_too() {
        let (a, b) = ("{\"a\":1}", "{\"b\":2}");
        for body in [
            format!("{a}{b}"),
            format!("{a}\n{b}\n"),
            format!("[{a},\r\n{b}]"),
            format!("\n[{a}\n,\n{b}\n]\n"),
            format!("{a}\n\n[{b}]"),
        ] {
            assert_eq!(texts(&body), [a, b], "{body:?}");
        }
        assert_eq!(texts("{\n  \"a\": 1\n}\n"), ["{\n  \"a\": 1\n}"]);
        assert_eq!(texts("<html>\n<body>"), ["<html>\n<body>"]);
        assert_eq!(cut(&[b"{}"]), [(Place::Body, "{}".to_owned())]);
        assert_eq!(texts(&format!("{a} half of {{")), [a, "half of {"]);
        assert!(texts("").is_empty() && texts("\n \n").is_empty());
    }

    #[test]
    fn what_grows_without_end_is_refused() {
        for line in ["x".repeat(1024), "data: x\n".to_owned(), "loose\n".to_owned()] {
            let mut frames = Frames::default();
            assert!((0..1_000_000).any(|_| frames.push(line.as_bytes(), &mut |_, _| {}).is_err()), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_pieces_give_the_same(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("data"), Just(": "), Just("\n"), Just("\r"), Just("\r\n"), Just("\n\n"), Just("{\"é\":1}"), Just("[DONE]"),
                    Just("event"), Just("[{},"), Just("]"), Just("🦀"),
                ],
                0..60,
            ),
            cuts in proptest::collection::vec(0usize..200, 0..20),
        ) {
            let stream = pieces.concat();
            let bytes = stream.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|at| at.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(cut(&pieces), cut(&[bytes]));
        }

        #[test]
        fn a_stream_by_the_standard_is_read_by_the_standard(
            events in proptest::collection::vec("[a-z:{}\\[\\]\" é]{0,12}", 0..10),
            end in prop_oneof![Just("\n"), Just("\r"), Just("\r\n")],
        ) {
            let stream: String = events.iter().flat_map(|data| ["data: ", data, end, end]).collect();
            let standard: Vec<_> =
                SseParser::new().push(stream.as_bytes()).unwrap().into_iter().map(|event| event.data).collect();
            prop_assert_eq!(texts(&stream), standard);
        }
    }
}
