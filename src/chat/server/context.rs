//! What a model gets to see of a conversation: its newest messages, as far as they fit.

use super::attachments::Image;
use super::context_window::{IMAGE, TURN, with_margin};
use super::providers::{Role, Turn};
use super::store::{Past, PastMessage};
use super::thoughts::without_thoughts;
use super::tokens::TokenCount;
use crate::chat::Author;

/// Messages of the past that a model gets to see, at most.
pub(super) const HISTORY: usize = 40;
/// The same where the past is paid for by its length.
pub(super) const LONG_HISTORY: usize = 1000;
/// Bytes of the past that a model gets to see, at most. Providers with a smaller window drop more.
pub const HISTORY_BYTES: usize = 48 * 1024;

/// How much of the past a model gets to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// As much as one price pays for: [`HISTORY`] and [`HISTORY_BYTES`].
    Flat,
    /// As much as fits into so many tokens, with all else.
    Tokens(u64),
}

impl Room {
    /// Messages of the past, at most.
    pub(super) const fn messages(self) -> usize {
        match self {
            Self::Flat => HISTORY,
            Self::Tokens(_) => LONG_HISTORY,
        }
    }
}

/// Takes what fits.
struct Measure {
    room: Room,
    taken: u64,
    messages: usize,
}

impl Measure {
    fn has_room_for(&mut self, message: &PastMessage) -> bool {
        self.messages += 1;
        let most = match self.room {
            Room::Flat => {
                self.taken += message.content.len() as u64;
                HISTORY_BYTES as u64
            }
            Room::Tokens(most) => {
                self.taken += tokens_of(&message.content) + message.images.len() as u64 * IMAGE;
                most
            }
        };
        self.taken <= most && self.messages <= self.room.messages()
    }
}

/// Of a turn with this text, and rather more.
fn tokens_of(text: &str) -> u64 {
    with_margin(TURN + TokenCount::of(text))
}

/// What was said, the question last.
pub(super) fn build_context(past: Past, text: String, room: Room) -> Vec<Turn> {
    let taken = match room {
        Room::Flat => text.len() as u64,
        Room::Tokens(_) => past.system_prompt.as_deref().map_or(0, tokens_of) + tokens_of(&text),
    };
    let mut measure = Measure { room, taken, messages: 0 };
    let mut turns: Vec<Turn> = past
        .messages
        .into_iter()
        .rev()
        .take_while(|message| measure.has_room_for(message))
        .map(|message| Turn {
            role: if message.author == Author::User { Role::User } else { Role::Assistant },
            // One that was stored before they were left out.
            content: if message.author == Author::User { message.content } else { without_thoughts(message.content) },
            images: message.images.iter().filter_map(Image::of_past).collect(),
            ..Turn::new(Role::User, "")
        })
        .collect();
    // Whatever of the past is left out, this stays.
    turns.extend(past.system_prompt.map(|prompt| Turn::new(Role::System, prompt)));
    turns.reverse();
    turns.push(Turn::new(Role::User, text));
    turns
}

#[cfg(test)]
mod tests {
    use super::super::context_window::estimate_tokens;
    use super::*;

    #[test]
    fn context_keeps_the_newest_and_ends_with_the_question() {
        let messages = (0..40)
            .map(|n| PastMessage {
                author: if n % 2 == 0 { Author::User } else { Author::Assistant },
                content: format!("{n}-").repeat(2000),
                images: Vec::new(),
            })
            .collect();
        let past = Past { system_prompt: Some("Be brief.".to_owned()), messages };
        let turns = build_context(past.clone(), "now".to_owned(), Room::Flat);
        assert_eq!(turns[0], Turn::new(Role::System, "Be brief."));
        assert_eq!(turns.last().unwrap().content, "now");
        assert!(turns[turns.len() - 2].content.starts_with("39-"));
        assert!(turns.iter().map(|turn| turn.content.len()).sum::<usize>() <= HISTORY_BYTES);
        let all = build_context(past.clone(), "now".to_owned(), Room::Tokens(1_000_000));
        assert_eq!(all.len(), 42, "as much as there is");
        for room in [0, 8_000, 20_000, 100_000] {
            let turns = build_context(past.clone(), "now".to_owned(), Room::Tokens(room));
            assert!(turns.len() == 2 || u64::from(estimate_tokens(&turns)) <= room, "{room}");
            assert!(room < 8_000 || turns.len() > 2, "{room}");
        }
    }
}
