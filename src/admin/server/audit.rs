//! Looking into the audit log.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{Admin, Authority};
use crate::account::Email;
use crate::account::server::service::find_user;
use crate::audit::store::AuditFilter;
use crate::audit::{Action, Actor, AuditEntry};
use crate::credits::Page;
use crate::i18n::{Text, t};
use crate::platform::db::rfc3339;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::page_limit;
use crate::platform::ids::{AuditId, UserId};

/// Entries of a page where nothing else is asked for.
const AUDIT_PAGE: usize = 50;

/// Which entries.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Who did it: an id or an email address of a user, `operator`, `system` or `visitor`.
    #[serde(default)]
    #[param(required = false)]
    pub actor: String,
    /// Whose account it is about: an id or an email address.
    #[serde(default)]
    #[param(required = false)]
    pub target: String,
    /// What was done, such as `role_changed`.
    #[serde(default)]
    #[param(required = false)]
    pub action: String,
    /// At this time (RFC 3339) or on this day (UTC), or later.
    #[serde(default)]
    #[param(required = false)]
    pub from: String,
    /// Before this time, or on this day or earlier.
    #[serde(default)]
    #[param(required = false)]
    pub until: String,
    /// 1 to 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub limit: Option<String>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditItem {
    /// `UUIDv7`.
    pub id: String,
    /// RFC 3339, UTC.
    pub at: String,
    /// The id of a user, `operator`, `system` or `visitor`.
    pub actor: String,
    pub action: Action,
    /// The id of the user whose account it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub target: Option<String>,
    /// What was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub before: Option<Value>,
    /// What is there since, or more about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub after: Option<Value>,
    pub request_id: String,
}

impl AuditItem {
    fn of(entry: AuditEntry) -> AppResult<Self> {
        Ok(Self {
            id: entry.id.to_string(),
            at: rfc3339(entry.at())?,
            actor: entry.actor.to_string(),
            action: entry.action,
            target: entry.target.map(|target| target.to_string()),
            before: entry.before,
            after: entry.after,
            request_id: entry.request_id,
        })
    }
}

impl Admin {
    /// A page of the audit log, newest first.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub async fn list_audit(&self, _: Authority, query: &AuditQuery) -> AppResult<Page<AuditItem>> {
        let limit = page_limit(query.limit.as_deref(), AUDIT_PAGE)?;
        let before = match query.cursor.as_deref().map(str::parse) {
            None => AuditId::max(),
            Some(Ok(id)) => id,
            Some(Err(_)) => return Err(AppError::invalid("cursor", "This cursor is not valid.")),
        };
        let nobody = || Page { items: Vec::new(), next_cursor: None };
        let (from, until) = times_of(&query.from, &query.until)?;
        let mut filter = AuditFilter { from, until, ..AuditFilter::default() };
        if !query.action.is_empty() {
            let action = Action::parse(&query.action);
            filter.action = Some(action.ok_or_else(|| AppError::invalid("action", "There is no such action."))?);
        }
        if !query.actor.trim().is_empty() {
            let Some(actor) = self.find_actor(query.actor.trim()).await? else { return Ok(nobody()) };
            filter.actor = Some(actor);
        }
        if !query.target.trim().is_empty() {
            let Some(Actor::User(target)) = self.find_actor(query.target.trim()).await? else { return Ok(nobody()) };
            filter.target = Some(target);
        }
        let mut found = self.audit.list(filter, before, limit + 1).await?;
        let is_last = found.len() <= limit;
        found.truncate(limit);
        let next_cursor = found.last().filter(|_| !is_last).map(|last| last.id.to_string());
        Ok(Page { items: found.into_iter().map(AuditItem::of).collect::<AppResult<_>>()?, next_cursor })
    }

    /// Who is meant by an id, a name or an address; `None`: nobody.
    async fn find_actor(&self, text: &str) -> AppResult<Option<Actor>> {
        if !text.contains('@') {
            return Ok(Actor::parse(text));
        }
        let Ok(email) = Email::parse(text) else { return Ok(None) };
        Ok(find_user(self.accounts.as_ref(), &email).await?.map(|user| Actor::User(user.id)))
    }

    /// The addresses of users, for people who read their ids.
    pub(super) async fn names_of(&self, ids: Vec<UserId>) -> AppResult<Vec<(String, String)>> {
        let finds = ids.into_iter().map(|id| self.accounts.find_user_by_id(id));
        let found = futures::future::try_join_all(finds).await?;
        Ok(found.into_iter().flatten().map(|user| (user.id.to_string(), user.email)).collect())
    }
}

/// From when on, and before when, in milliseconds since 1970: `from` and `until` of a query.
///
/// # Errors
/// [`AppError::InvalidInput`] naming the field, also where there is nothing between them.
pub(super) fn times_of(from: &str, until: &str) -> AppResult<(Option<i64>, Option<i64>)> {
    let (from, until) = (read_time("from", from, Ok)?, read_time("until", until, Date::tomorrow)?);
    match (from, until) {
        (Some(from), Some(until)) if until <= from => Err(AppError::invalid("until", t(Text::EndsBeforeItBegins))),
        times => Ok(times),
    }
}

/// A moment, or the beginning of the day that `day` makes of the one that is named, in milliseconds since 1970.
fn read_time(field: &str, text: &str, day: fn(Date) -> Result<Date, jiff::Error>) -> AppResult<Option<i64>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(Some(moment.as_millisecond()));
    }
    let start = text.parse::<Date>().and_then(day).and_then(|date| date.to_zoned(TimeZone::UTC));
    match start {
        Ok(start) => Ok(Some(start.timestamp().as_millisecond())),
        Err(_) => Err(AppError::invalid(field, t(Text::TimeOrDayWanted))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::time::DAY;

    #[test]
    fn a_day_is_from_its_beginning_to_its_end() {
        assert_eq!(times_of("1970-01-02", "1970-01-02"), Ok((Some(DAY), Some(2 * DAY))));
        let (from, until) = ("1970-01-02T00:00:01Z", "1970-01-02T00:00:02Z");
        assert_eq!(times_of(from, until), Ok((Some(DAY + 1000), Some(DAY + 2000))));
        assert_eq!(times_of(" ", ""), Ok((None, None)));
        let field_of = |from: &str, until: &str| match times_of(from, until) {
            Err(AppError::InvalidInput { field, .. }) => field,
            other => panic!("{from} {until}: {other:?}"),
        };
        assert_eq!(field_of("yesterday", ""), "from");
        assert_eq!(field_of("", "2026-02-30"), "until");
        assert_eq!(field_of("1970-01-02", "1970-01-01"), "until");
    }
}
