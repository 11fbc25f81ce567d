//! UI primitives: one file each, typed variants, no inline styles. They know no feature.
//!
//! Colours and radii are tokens of `style/tailwind.css`: `canvas surface sunken line line-strong ink ink-soft accent
//! accent-strong accent-soft on-accent danger danger-soft success success-soft warning warning-soft`.

mod alert;
mod badge;
mod button;
mod card;
mod clipboard;
mod cookie;
mod dialog;
mod eager;
mod empty_state;
mod field;
mod icon;
mod icon_button;
mod language_switch;
mod logo;
mod popover;
mod skeleton;
mod still;
mod theme;
mod timestamp;

pub use alert::{Alert, AlertTone};
pub use badge::{Badge, BadgeTone};
pub use button::{Button, ButtonSize, ButtonVariant};
pub use card::Card;
pub use clipboard::copy_text;
pub use cookie::{COOKIE_SECS, set_cookie};
pub use dialog::Dialog;
pub use eager::Eager;
pub use empty_state::EmptyState;
pub use field::Field;
pub use icon::{Icon, IconName};
pub use icon_button::IconButton;
pub use language_switch::LanguageSwitch;
pub use logo::{Logo, MOSAIC, Mosaic};
pub use popover::{Popover, PopoverItem};
pub use skeleton::Skeleton;
pub use still::still;
pub use theme::{Theme, ThemeSwitch, follow_theme_forms};
pub use timestamp::Timestamp;
