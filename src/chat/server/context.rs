//! What a model gets to see of a conversation: its newest messages, as far as they fit.

use super::attachments::Image;
use super::providers::{Role, Turn};
use super::store::Past;
use super::thoughts::without_thoughts;
use crate::chat::Author;

/// Messages of the past that a model gets to see, at most.
pub(super) const HISTORY: usize = 40;
/// Bytes of the past that a model gets to see, at most. Providers with a smaller window drop more.
pub const HISTORY_BYTES: usize = 48 * 1024;

/// What was said, the question last.
pub(super) fn build_context(past: Past, text: String) -> Vec<Turn> {
    let mut bytes = text.len();
    let mut turns: Vec<Turn> = past
        .messages
        .into_iter()
        .rev()
        .take_while(|message| {
            bytes += message.content.len();
            bytes <= HISTORY_BYTES
        })
        .map(|message| Turn {
            role: if message.author == Author::User { Role::User } else { Role::Assistant },
            // One that was stored before they were left out.
            content: if message.author == Author::User { message.content } else { without_thoughts(message.content) },
            images: message.images.iter().filter_map(Image::of_past).collect(),
            name: None,
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
    use super::*;
    use crate::chat::server::store::PastMessage;

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
        let turns = build_context(past, "now".to_owned());
        assert_eq!(turns[0], Turn::new(Role::System, "Be brief."));
        assert_eq!(turns.last().unwrap().content, "now");
        assert!(turns[turns.len() - 2].content.starts_with("39-"));
        assert!(turns.iter().map(|turn| turn.content.len()).sum::<usize>() <= HISTORY_BYTES);
    }
}
