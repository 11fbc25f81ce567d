//! `/v1`: the parts of the HTTP APIs of `OpenAI` and Anthropic that their clients need, so that any of them spends Tessera
//! credits with an API key. Chat completions are here, Anthropic's Messages in `messages`, `OpenAI`'s Responses in
//! `responses`; each is read into the same `Wanted` (`request.rs`), and answered by the same `answer.rs`. Shapes:
//! <https://platform.openai.com/docs/api-reference>, <https://docs.anthropic.com/en/api/messages>.

mod answer;
pub mod api;
mod chunks;
mod embeddings;
mod error;
mod fields;
mod images;
mod leash;
pub mod messages;
mod open;
mod options;
mod request;
pub mod responses;
pub mod schemas;
mod sequence;
mod tools;

pub use error::V1Error;
