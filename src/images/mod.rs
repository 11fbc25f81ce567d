//! Images: who makes them, where they are kept, and the gallery.

mod aspect_ratio;
mod changing;
mod client;
mod collection;
mod components;
mod draft;
mod filter;
mod follow;
mod make;
pub mod page;
mod types;
mod viewing;

#[cfg(feature = "ssr")]
pub mod asking;
#[cfg(feature = "ssr")]
mod body;
#[cfg(feature = "ssr")]
pub mod cleaning;
#[cfg(feature = "ssr")]
mod making;
#[cfg(feature = "ssr")]
pub mod picture;
#[cfg(feature = "ssr")]
pub mod providers;
#[cfg(feature = "ssr")]
pub mod recovery;
#[cfg(feature = "ssr")]
pub mod rest;
#[cfg(feature = "ssr")]
pub mod service;
#[cfg(feature = "ssr")]
pub mod shown_in_chat;
#[cfg(feature = "ssr")]
pub mod storage;
#[cfg(feature = "ssr")]
pub mod store;
#[cfg(feature = "ssr")]
pub mod watch;
#[cfg(feature = "ssr")]
pub mod webhook;

pub use aspect_ratio::AspectRatio;
pub use filter::Filter;
pub use types::*;
pub use viewing::ImageView;
