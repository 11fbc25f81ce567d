//! The items of a request, and of responses that it goes on with.

use std::collections::HashMap;
use std::fmt;

use axum::body::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::super::error::V1Error;
use super::super::fields::{Content, Part, PartFields};
use super::super::request::{ShownTurn, read_content};
use super::super::tools::{call_of_text, read_call};
use super::store::StoredResponse;
use crate::chat::server::providers::{Role, Seal, Thought, Turn};
use crate::platform::error::{AppError, AppResult};

/// What is asked: a text, or a list of items.
#[derive(Debug, Default)]
pub struct Items<'a>(pub Vec<Item<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of items")
            }

            fn visit_str<E>(self, text: &str) -> Result<Items<'de>, E> {
                let part = PartFields { kind: "text".to_owned(), text: Some(text.to_owned()), ..PartFields::default() };
                let content = Some(Content(vec![Part(part)]));
                Ok(Items(vec![Item { role: "user".to_owned(), content, ..Item::default() }]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Items<'de>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_any(All)
    }
}

/// One of them: a message, unless it says otherwise.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "an item such as {\"role\":\"user\",\"content\":\"…\"}")]
pub struct Item<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    role: String,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    id: Option<String>,
    /// Of a call of a tool, as are those that follow.
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<Box<RawValue>>,
    /// Of a call of a custom tool.
    input: Option<String>,
    /// Of what came of it.
    #[serde(borrow)]
    output: Option<Content<'a>>,
    /// Of what a model thought.
    encrypted_content: Option<String>,
    #[serde(borrow)]
    summary: Option<Content<'a>>,
}

impl Item<'_> {
    /// The item of another response that it stands for.
    pub fn reference(&self) -> Option<&str> {
        let is_reference = self.kind.as_deref() == Some("item_reference");
        is_reference.then(|| self.id.as_deref().unwrap_or_default())
    }

    /// The turn that it is; `None` for what says nothing to a model.
    pub fn read(self, field: &str, body: &Bytes, named: &HashMap<String, Bytes>) -> Result<Option<ShownTurn>, V1Error> {
        if let Some(name) = self.reference() {
            let item = named.get(name).ok_or_else(|| V1Error::no_item(name))?;
            let read: Item<'_> = serde_json::from_slice(item).map_err(|_| AppError::Internal)?;
            return read.read_own(field, item).map(|turn| turn.map(unmarked)).map_err(V1Error::from);
        }
        self.read_own(field, body).map_err(V1Error::from)
    }

    fn read_own(self, field: &str, body: &Bytes) -> AppResult<Option<ShownTurn>> {
        match self.kind.as_deref() {
            None | Some("message") => {}
            // What a model has thought says nothing to another one: only what is sealed goes back, as it was.
            Some("reasoning") => {
                let seal = self.encrypted_content.and_then(|told| Seal::read(&told));
                let Content(summary) = self.summary.unwrap_or_default();
                let text = summary.into_iter().filter_map(|part| part.0.text).collect();
                let thoughts = vec![Thought { text, seal }];
                let is_ours = thoughts.iter().any(|thought| thought.seal.is_some());
                return Ok(is_ours.then(|| (Turn { thoughts, ..Turn::new(Role::Assistant, "") }, Vec::new())));
            }
            Some("function_call") => {
                let (id, name) = (self.call_id.unwrap_or_default(), self.name.unwrap_or_default());
                let calls = vec![read_call(field, id, name, self.arguments.as_deref())?];
                return Ok(Some((Turn { calls, ..Turn::new(Role::Assistant, "") }, Vec::new())));
            }
            Some("custom_tool_call") => {
                let (id, name) = (self.call_id.unwrap_or_default(), self.name.unwrap_or_default());
                let calls = vec![call_of_text(field, id, name, &self.input.unwrap_or_default())?];
                return Ok(Some((Turn { calls, ..Turn::new(Role::Assistant, "") }, Vec::new())));
            }
            Some("function_call_output" | "custom_tool_call_output") => {
                let Some(id) = self.call_id.filter(|id| !id.is_empty()) else {
                    return Err(AppError::invalid(field, "Say in call_id which call it is the output of."));
                };
                let (said, urls) = read_content(&format!("{field}.output"), self.output.unwrap_or_default())?;
                let shown = urls.into_iter().map(|url| url.kept_by(body)).collect();
                let Turn { content, details, .. } = said;
                return Ok(Some((Turn { details, ..Turn::result(id, content, false) }, shown)));
            }
            Some(kind) => return Err(AppError::invalid(field, format!("Items of type {kind:?} are not read here."))),
        }
        let role = match self.role.as_str() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            other => {
                let problem = format!("The role {other:?} is not known here: system, developer, user or assistant.");
                return Err(AppError::invalid(format!("{field}.role"), problem));
            }
        };
        let (said, urls) = read_content(&format!("{field}.content"), self.content.unwrap_or_default())?;
        let shown = urls.into_iter().map(|url| url.kept_by(body)).collect();
        Ok(Some((Turn { role, ..said }, shown)))
    }
}

/// Adds a turn. What an assistant thinks, says and calls is one turn, though each is an item.
pub fn add_turn(turns: &mut Vec<ShownTurn>, (turn, shown): ShownTurn) {
    match turns.last_mut() {
        Some((last, _)) if last.role == Role::Assistant && turn.role == Role::Assistant => {
            let is_begun = last.calls.is_empty() && last.content.is_empty();
            let only_calls = turn.content.is_empty() && turn.thoughts.is_empty();
            if !is_begun && !only_calls {
                return turns.push((turn, shown));
            }
            last.cache.extend(turn.cache);
            last.content.push_str(&turn.content);
            last.calls.extend(turn.calls);
            last.thoughts.extend(turn.thoughts);
        }
        _ => turns.push((turn, shown)),
    }
}

/// What is stored was to be cached when it was sent: a client could not take its marks back, and there may only be so many.
fn unmarked((mut turn, shown): ShownTurn) -> ShownTurn {
    turn.cache.clear();
    (turn, shown)
}

/// The turns of a response that is gone on with.
pub fn read_stored(stored: &StoredResponse) -> AppResult<Vec<ShownTurn>> {
    let output = serde_json::to_string(&stored.output_items()?).map_err(|_| AppError::Internal)?;
    let mut turns = Vec::new();
    for items in [Bytes::from(stored.input.clone()), Bytes::from(output)] {
        let Items(read) = serde_json::from_slice(&items).map_err(|_| AppError::Internal)?;
        for item in read {
            turns.extend(item.read_own("previous_response_id", &items)?.map(unmarked));
        }
    }
    Ok(turns)
}
