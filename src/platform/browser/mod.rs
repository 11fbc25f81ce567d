//! What pages need of the browser, whatever they show. Compiled for both targets, as pages render on the server too.

pub mod json;
pub mod navigation;
pub mod page_data;
