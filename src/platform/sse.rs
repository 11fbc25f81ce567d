//! An incremental parser of `text/event-stream`, for the browser's chat client and for providers on the server.
//!
//! Follows <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>, save for
//! `retry`, which its callers decide themselves. Reading bytes and connecting again live with the callers.

use std::mem::take;

/// Most bytes of one event, so that a stream without an end of line cannot fill the memory.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// The last id that the stream has named, on this event or before it: what `Last-Event-ID` should say.
    pub id: Option<String>,
    /// `message` where the stream names none.
    pub event: String,
    /// The lines of `data`, joined by line feeds. Never empty: such events are not events.
    pub data: String,
}

/// An event is longer than a mebibyte. The stream cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is too long")]
pub struct TooLong;

/// Turns bytes, in whatever pieces they come, into events. What a stream leaves unfinished at its end is dropped, as
/// the standard wants it.
#[derive(Debug, Default)]
pub struct SseParser {
    /// The line that is being read, without its end.
    line: Vec<u8>,
    event: String,
    /// Each line of `data` with a line feed after it.
    data: String,
    id: Option<String>,
    /// The last byte was a carriage return, so a line feed that follows ends no other line.
    after_cr: bool,
    /// A byte order mark can stand before the first line only.
    after_first_line: bool,
}

impl SseParser {
    /// A parser at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece and returns the events that end in it.
    ///
    /// # Errors
    /// [`TooLong`] when an event is over a mebibyte; give the stream up then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, TooLong> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if take(&mut self.after_cr) && first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let piece = &rest[..end.unwrap_or(rest.len())];
            if self.line.len() + piece.len() + self.data.len() > MAX_EVENT_BYTES {
                return Err(TooLong);
            }
            self.line.extend_from_slice(piece);
            let Some(end) = end else { break };
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            events.extend(self.end_line());
        }
        Ok(events)
    }

    /// Reads the line that just ended; an empty one ends the event.
    fn end_line(&mut self) -> Option<SseEvent> {
        let bytes = take(&mut self.line);
        // Lines end at ASCII bytes, which are never part of a longer character, so this cuts none in two.
        let text = String::from_utf8_lossy(&bytes);
        let mut line = &*text;
        if !self.after_first_line {
            self.after_first_line = true;
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "event" => value.clone_into(&mut self.event),
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // Comments have an empty name; fields that nobody knows are ignored.
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<SseEvent> {
        let event = take(&mut self.event);
        let mut data = take(&mut self.data);
        // "data" without a value is one empty line: an event whose data is empty, which is worth nothing to anyone.
        data.pop()?;
        if data.is_empty() {
            return None;
        }
        let event = if event.is_empty() { "message".to_owned() } else { event };
        Some(SseEvent { id: self.id.clone(), event, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(stream: &[u8]) -> Vec<SseEvent> {
        SseParser::new().push(stream).unwrap()
    }

    fn event(id: Option<&str>, event: &str, data: &str) -> SseEvent {
        SseEvent { id: id.map(str::to_owned), event: event.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn an_event_has_id_name_and_data() {
        let events = parse(b"event: token\nid: 7\ndata: {\"text\":\"hi\"}\n\n");
        assert_eq!(events, [event(Some("7"), "token", "{\"text\":\"hi\"}")]);
    }

    #[test]
    fn the_ends_of_line_may_be_mixed() {
        let events = parse(b"data: a\r\rdata: b\r\n\r\ndata: c\n\ndata: d\r\n\n");
        assert_eq!(events.iter().map(|event| &*event.data).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }

    #[test]
    fn lines_of_data_are_joined_and_one_space_is_dropped() {
        assert_eq!(parse(b"data:a\ndata:  b\ndata\ndata: \n\n"), [event(None, "message", "a\n b\n\n")]);
    }

    #[test]
    fn comments_and_unknown_fields_are_ignored() {
        assert_eq!(parse(b": keep-alive\n\nretry: 5\nwhat: ever\ndata: x\n\n"), [event(None, "message", "x")]);
    }

    #[test]
    fn an_id_lasts_until_the_next_and_a_name_does_not() {
        let events = parse(b"id: 1\nevent: a\ndata: x\n\ndata: y\n\nid: 2\0\ndata: z\n\nid\ndata: !\n\n");
        assert_eq!(
            events,
            [
                event(Some("1"), "a", "x"),
                event(Some("1"), "message", "y"),
                event(Some("1"), "message", "z"),
                event(Some(""), "message", "!"),
            ]
        );
    }

    #[test]
    fn an_event_without_data_is_none_and_its_name_is_forgotten() {
        assert_eq!(parse(b"event: a\n\ndata: x\n\n"), [event(None, "message", "x")]);
    }

    #[test]
    fn a_byte_order_mark_is_dropped_at_the_beginning_only() {
        let events = parse("\u{feff}data: a\n\n\u{feff}data: b\n\n".as_bytes());
        assert_eq!(events, [event(None, "message", "a")]);
    }

    #[test]
    fn what_is_unfinished_is_no_event() {
        assert_eq!(parse(b"data: a\n\ndata: b\n"), [event(None, "message", "a")]);
    }

    #[test]
    fn a_character_may_arrive_in_pieces() {
        let mut parser = SseParser::new();
        let stream = "data: żółć 🦀\r\n\r\n".as_bytes();
        let events: Vec<_> = stream.iter().flat_map(|byte| parser.push(&[*byte]).unwrap()).collect();
        assert_eq!(events, [event(None, "message", "żółć 🦀")]);
    }

    #[test]
    fn what_grows_without_end_is_refused() {
        let kilobyte = [b'x'; 1024];
        let mut one_line = SseParser::new();
        assert!((0..=1024).any(|_| one_line.push(&kilobyte).is_err()));
        let mut many_lines = SseParser::new();
        assert!((0..1_000_000).any(|_| many_lines.push(b"data: x\n").is_err()));
        let mut many_events = SseParser::new();
        assert!((0..1_000_000).all(|_| many_events.push(b"data: x\n\n").is_ok()));
    }

    fn stream() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("data"),
            Just("event"),
            Just("id"),
            Just(":"),
            Just(": "),
            Just("\n"),
            Just("\r"),
            Just("\r\n"),
            Just("\n\n"),
            Just("\u{feff}"),
            Just("é🦀"),
            Just("\0"),
            Just("text"),
        ];
        proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_pieces_give_the_same_events(stream in stream(), cuts in proptest::collection::vec(0usize..200, 0..20)) {
            let bytes = stream.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let mut parser = SseParser::new();
            let mut from = 0;
            let mut events = Vec::new();
            for cut in cuts {
                events.extend(parser.push(&bytes[from..cut]).unwrap());
                from = cut;
            }
            prop_assert_eq!(events, parse(bytes));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            let _ = SseParser::new().push(&bytes);
        }
    }
}
