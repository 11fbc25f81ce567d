//! What handlers have in common: the envelope of answers and errors, the names of the site, and the id of a request; and the
//! connections that requests come on. And what asking other servers has in common.

pub mod accept;
pub mod config;
pub mod connections;
pub mod envelope;
pub mod event_stream;
pub mod fields;
pub mod host;
pub mod keep_alive;
pub mod multipart;
pub mod outgoing;
mod pace;
pub mod request_id;
pub mod retries;
pub mod uploads;
pub mod visitor;
