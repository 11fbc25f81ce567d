//! The landing page.

mod frieze;
mod page;
mod prices;
mod sample;
mod self_hosting;
pub mod server;
mod sketches;
mod steps;
mod tiles;

pub use page::LandingPage;
pub use prices::{ShownPrice, ShownPrices};
