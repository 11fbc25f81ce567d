//! The parts of the page.

mod code;
mod contents;
mod knob_panel;
mod parts_table;
mod section;

pub use contents::Contents;
pub use section::EntrySection;
