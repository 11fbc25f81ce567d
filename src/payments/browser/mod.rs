//! The pages on which credits are bought, in the browser: HTML of the server.

pub mod page;
