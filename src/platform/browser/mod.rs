//! What pages need of the browser: requests and event streams, the address, the data of a page, what is kept here. It
//! compiles for the server too, which renders the same pages and never gets to the calls.

pub mod api;
pub mod json;
pub mod navigation;
pub mod page_data;
pub mod reach;
pub mod storage;
pub mod subscription;
pub mod time;
