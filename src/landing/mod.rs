//! The landing page.

mod frieze;
mod page;
mod prices;
mod sample;
mod self_hosting;
mod steps;
mod tiles;

pub use page::LandingPage;
