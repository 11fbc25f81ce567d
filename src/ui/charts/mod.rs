//! Charts, drawn on the server: SVG that needs no script. The browser has none of this.

mod bars;

pub use bars::{Bar, BarChart, BarWords};
