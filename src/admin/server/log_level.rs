//! What the log of this server tells, for a time. Others have their own.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::sleep;
use utoipa::ToSchema;

use super::{Admin, Authority};
use crate::audit::{Action, AuditEntry};
use crate::platform::db::{millis, now_millis, rfc3339};
use crate::platform::error::{AppError, AppResult};
use crate::platform::log_level;

/// How long another filter holds where nothing else is said, and at most, in minutes.
pub(super) const USUAL_MINUTES: u32 = 60;
pub(super) const MOST_MINUTES: u32 = 24 * 60;

/// What the log is to tell.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct LogLevelChange {
    /// As in `RUST_LOG`, down to `debug`, such as `info,tessera=debug`. That of `RUST_LOG` itself ends another.
    pub filter: String,
    /// 1 to 1440; by default 60.
    #[schema(minimum = 1, maximum = 1440)]
    pub minutes: Option<u32>,
}

/// What the log tells.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LogLevelNow {
    pub filter: String,
    /// That of `RUST_LOG`.
    pub configured: String,
    /// When that of `RUST_LOG` applies again (RFC 3339, UTC); absent: it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub until: Option<String>,
}

impl Admin {
    /// What the log of this server tells.
    ///
    /// # Errors
    /// [`AppError::Internal`] for a time that no calendar has.
    pub fn show_log_level(&self, _: Authority) -> AppResult<LogLevelNow> {
        let now = log_level::now();
        Ok(LogLevelNow { filter: now.filter, configured: now.configured, until: now.until.map(rfc3339).transpose()? })
    }

    /// Sets what the log of this server tells, until the minutes are over or the server ends.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub async fn set_log_level(&self, by: Authority, change: LogLevelChange) -> AppResult<LogLevelNow> {
        let minutes = change.minutes.unwrap_or(USUAL_MINUTES);
        if !(1..=MOST_MINUTES).contains(&minutes) {
            return Err(AppError::invalid("minutes", format!("1 to {MOST_MINUTES} minutes.")));
        }
        let (before, filter) = (log_level::now(), change.filter.trim());
        let after = if filter == before.configured {
            log_level::end(None);
            json!({ "filter": filter })
        } else {
            let time = Duration::from_mins(minutes.into());
            let until = now_millis() + millis(time);
            log_level::set(filter, until)
                .map_err(|problem| AppError::invalid("filter", format!("This is not a filter: {problem}.")))?;
            tokio::spawn(async move {
                sleep(time).await;
                log_level::end(Some(until));
            });
            json!({ "filter": filter, "minutes": minutes })
        };
        let entry = AuditEntry::new(by.actor(), Action::LogLevelChanged, None);
        self.log().record(entry.before(json!({ "filter": before.filter })).after(after)).await;
        tracing::warn!(filter, minutes, "the log level was changed");
        self.show_log_level(by)
    }
}
