//! A conversation as a file to keep: Markdown to read, JSON to work with.

use std::fmt::Write;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};

use super::conversations::Parts;
use crate::chat::browser::markdown::closed;
use crate::chat::{Author, Conversation, Message, MessageState};
use crate::platform::error::{AppError, AppResult};
use crate::platform::query;

/// Most characters of a file's name, without its ending.
const NAME_CHARS: usize = 60;

/// The format of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Markdown,
    Json,
}

impl Format {
    /// Markdown if none is wanted.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `format`.
    pub fn parse(format: Option<&str>) -> AppResult<Self> {
        match format {
            None | Some("markdown") => Ok(Self::Markdown),
            Some("json") => Ok(Self::Json),
            Some(_) => Err(AppError::invalid("format", "The format is markdown or json.")),
        }
    }

    /// What comes before the messages, and what after.
    pub(super) fn frame(self, conversation: &Conversation) -> AppResult<(String, &'static str)> {
        match self {
            Self::Markdown => Ok((markdown_head(conversation), "")),
            Self::Json => {
                let json = serde_json::to_string_pretty(conversation).map_err(|_| AppError::Internal)?;
                // The list of messages is the last of it, and empty.
                let head = json.strip_suffix("[]\n}").ok_or(AppError::Internal)?;
                Ok((format!("{head}["), "\n  ]\n}"))
            }
        }
    }

    /// Adds messages; `is_first`: nothing comes before them.
    pub(super) fn write(self, messages: &[Message], mut is_first: bool) -> AppResult<String> {
        let mut text = String::new();
        for message in messages {
            match self {
                Self::Markdown => push_markdown(&mut text, message),
                Self::Json => {
                    let json = serde_json::to_string_pretty(message).map_err(|_| AppError::Internal)?;
                    text.push_str(if is_first { "\n    " } else { ",\n    " });
                    // No text has a line break of its own in JSON.
                    text.push_str(&json.replace('\n', "\n    "));
                }
            }
            is_first = false;
        }
        Ok(text)
    }
}

/// The conversation as a download: its head, and its messages as they are read.
///
/// # Errors
/// [`AppError::Internal`].
pub fn export(conversation: &Conversation, messages: Parts, format: Format) -> AppResult<Response> {
    let (kind, ending) = match format {
        Format::Markdown => ("text/markdown; charset=utf-8", "md"),
        Format::Json => ("application/json", "json"),
    };
    let name = file_name(&conversation.title);
    let plain = file_name(&name.replace(|c: char| !c.is_ascii(), "-"));
    // The encoding of queries is that of RFC 8187, but for some marks, which no name has.
    let encoded = query::encode(&name);
    let disposition = format!("attachment; filename=\"{plain}.{ending}\"; filename*=UTF-8''{encoded}.{ending}");
    let headers =
        [(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition), (CACHE_CONTROL, "no-store".to_owned())];
    let (head, foot) = format.frame(conversation)?;
    let mut is_first = true;
    // Cut off where it fails: a client sees that it is not whole.
    let written = messages.map(move |messages| {
        let text = format.write(&messages?, is_first)?;
        is_first &= text.is_empty();
        Ok::<String, AppError>(text)
    });
    let content = stream::iter([Ok(head)]).chain(written).chain(stream::iter([Ok(foot.to_owned())]));
    Ok((headers, Body::from_stream(content)).into_response())
}

/// Letters and digits of the title, and a `-` for whatever is between them.
pub(super) fn file_name(title: &str) -> String {
    let words: Vec<_> = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let name: String = words.join("-").chars().take(NAME_CHARS).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { "conversation".to_owned() } else { name.to_owned() }
}

fn markdown_head(conversation: &Conversation) -> String {
    let Conversation { title, created_at, system_prompt, .. } = conversation;
    let mut text = format!("# {title}\n\n*{created_at} · Tessera*\n");
    if let Some(prompt) = system_prompt {
        text.push_str("\n## System prompt\n\n");
        text.push_str(&closed(prompt));
    }
    text
}

fn push_markdown(text: &mut String, message: &Message) {
    // Writing to a text does not fail.
    _ = write!(text, "\n## {} · {}\n\n", speaker(message), message.created_at);
    if let Some(thinking) = message.thinking.as_ref().filter(|thinking| !thinking.text.is_empty()) {
        _ = write!(text, "> *Thought for {} s*\n>\n", thinking.seconds());
        for line in thinking.text.lines() {
            _ = writeln!(text, "> {line}");
        }
        text.push('\n');
    }
    text.push_str(&closed(&message.content));
    if let Some(note) = note(message.state) {
        _ = writeln!(text, "\n*{note}*");
    }
}

/// You, or the provider and its model.
fn speaker(message: &Message) -> String {
    match message.author {
        Author::User => "You".to_owned(),
        Author::Assistant => {
            let names = [message.provider.as_deref(), message.model.as_deref()];
            let names: Vec<_> = names.into_iter().flatten().filter(|name| !name.is_empty()).collect();
            if names.is_empty() { "Answer".to_owned() } else { names.join(" · ") }
        }
    }
}

/// Why an answer is not whole.
const fn note(state: MessageState) -> Option<&'static str> {
    match state {
        MessageState::Complete => None,
        MessageState::Running => Some("This answer was still being written."),
        MessageState::Stopped => Some("This answer was stopped."),
        MessageState::Incomplete => Some("This answer broke off."),
        MessageState::Failed => Some("This answer failed."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_has_nothing_that_a_system_could_take_for_more() {
        assert_eq!(file_name("How do tides work?"), "How-do-tides-work");
        assert_eq!(file_name("../../etc/passwd\"; x=\r\n"), "etc-passwd-x");
        assert_eq!(file_name("Größe & Gewicht"), "Größe-Gewicht");
        for nothing in ["", "…", "///", "\0"] {
            assert_eq!(file_name(nothing), "conversation");
        }
        assert!(file_name(&"word ".repeat(40)).len() <= NAME_CHARS);
    }
}
