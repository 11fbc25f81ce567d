//! What handlers have in common: the envelope of answers and errors, the names of the site, and the id of a request.

pub mod accept;
pub mod envelope;
pub mod host;
pub mod keep_alive;
pub mod request_id;
