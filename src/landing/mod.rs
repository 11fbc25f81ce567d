//! The landing page.

mod page;

pub use page::LandingPage;
