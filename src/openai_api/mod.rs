//! `/v1`: the part of the HTTP API of `OpenAI` that its clients need, so that any of them spends Tessera credits with an
//! API key. Shapes: <https://platform.openai.com/docs/api-reference/chat>.

pub mod api;
mod chunks;
mod error;
mod fields;
mod images;
mod leash;
mod request;
pub mod schemas;

pub use error::V1Error;
