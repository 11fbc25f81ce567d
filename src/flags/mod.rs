//! Feature flags: what is on, for whom, on every server within seconds. Features ask where they act; reading a flag never asks the
//! database. With them, the daily caps of providers, and what is announced on every page. Admins change them (`admin/`).

mod announcement;
mod counts;
mod flag;
mod rule;
mod service;
mod snapshot;
pub mod store;
mod watch;

pub use self::announcement::{
    ANNOUNCEMENT, ANNOUNCEMENT_COOKIE, Announced, Announcement, AnnouncementKind, MAX_ANNOUNCEMENT_CHARS, announcing,
    current_announcement,
};
pub use self::counts::{Counted, Span, Sum};
pub use self::flag::{Flag, ProviderFlag};
pub use self::rule::{Rule, Safeguard, Setting, Who, bucket};
pub use self::service::{Closed, FlagAlerts, Flags, FlagsParts};
pub use self::snapshot::FlagStatus;
pub use self::watch::{FEWEST_ASKED, REFRESH_EVERY, WINDOW};
