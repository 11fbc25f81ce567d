//! Looking at statistics: which range, in whose time zone, and which attempts.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audit::times_of;
use super::{Admin, Authority};
use crate::account::Email;
use crate::account::server::service::find_user;
use crate::audit::Actor;
use crate::credits::Page;
use crate::i18n::{Text, t};
use crate::platform::db::rfc3339;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::page_limit;
use crate::platform::ids::{AttemptId, UserId};
use crate::platform::time::DAY;
use crate::stats::range::{Picked, Range};
use crate::stats::report::{Costs, Statistics};
use crate::stats::store::AttemptFilter;
use crate::usage::Attempt;

/// Attempts of a page where nothing else is asked for.
const ATTEMPTS_PAGE: usize = 50;

/// Which range.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatsQuery {
    /// `24h`, `7d`, `30d` (the default), `90d` or `custom`.
    #[serde(default)]
    #[param(required = false)]
    pub range: String,
    /// The first day of a `custom` range, which has at most 366.
    #[serde(default)]
    #[param(required = false)]
    pub from: String,
    /// Its last day.
    #[serde(default)]
    #[param(required = false)]
    pub until: String,
    /// The time zone that days are cut in, such as `Europe/Zurich`. Without it, your own.
    #[serde(default)]
    #[param(required = false)]
    pub zone: String,
    /// `json`, or `csv`.
    #[serde(default)]
    #[param(required = false)]
    pub format: String,
    /// Of costs as CSV: `parts` (the default: days or hours), `providers`, `models`, `users` or `keys`.
    #[serde(default)]
    #[param(required = false)]
    pub table: String,
}

/// Which attempts.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AttemptsQuery {
    /// Begun at this time (RFC 3339) or on this day (UTC), or later; a day ago where it is not there.
    #[serde(default)]
    #[param(required = false)]
    pub from: String,
    /// Before this time, or on this day or earlier.
    #[serde(default)]
    #[param(required = false)]
    pub until: String,
    #[serde(default)]
    #[param(required = false)]
    pub provider: String,
    #[serde(default)]
    #[param(required = false)]
    pub model: String,
    /// An id or an email address.
    #[serde(default)]
    #[param(required = false)]
    pub user: String,
    /// The id of an API key.
    #[serde(default)]
    #[param(required = false)]
    pub key: String,
    /// `failed`: those alone that were neither answered nor stopped.
    #[serde(default)]
    #[param(required = false)]
    pub outcome: String,
    /// `json`, or `csv` for all of them in one file.
    #[serde(default)]
    #[param(required = false)]
    pub format: String,
    /// 1 to 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub limit: Option<String>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

/// One time that a provider was asked.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptItem {
    /// `UUIDv7`.
    pub id: String,
    /// When it began: RFC 3339, UTC.
    pub at: String,
    pub request_id: String,
    /// The id of the reply or image.
    pub work_id: String,
    /// The id of the user.
    pub user: String,
    /// The id of the API key that it was asked with; `null`: with none, or before this was recorded.
    pub key: Option<String>,
    pub provider: String,
    pub model: String,
    pub input_tokens: u32,
    pub output_tokens: u32,
    /// The provider did not say (all of) the numbers of tokens.
    pub estimated: bool,
    /// In millionths of a US dollar; `null`: the price is not known.
    pub cost_micros: Option<i64>,
    pub latency_ms: u32,
    pub first_token_ms: Option<u32>,
    pub outcome: &'static str,
}

impl AttemptItem {
    pub(super) fn of(attempt: Attempt) -> AppResult<Self> {
        Ok(Self {
            id: attempt.id.to_string(),
            at: rfc3339(attempt.at)?,
            request_id: attempt.request_id,
            work_id: attempt.reply.to_string(),
            user: attempt.user.to_string(),
            key: attempt.key.map(|key| key.to_string()),
            provider: attempt.provider,
            model: attempt.model,
            input_tokens: attempt.input_tokens,
            output_tokens: attempt.output_tokens,
            estimated: attempt.is_estimated,
            cost_micros: attempt.cost_micros,
            latency_ms: attempt.latency_ms,
            first_token_ms: attempt.first_token_ms,
            outcome: attempt.outcome.as_str(),
        })
    }
}

/// Where a page of attempts ends: their time and id.
pub(super) type AttemptPlace = (i64, AttemptId);

impl Admin {
    /// The range of a query, in the admin's own time zone where it names none.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub(super) async fn range_of(&self, by: Authority, query: &StatsQuery) -> AppResult<Range> {
        let picked = Picked::parse(query.range.trim(), query.from.trim(), query.until.trim())?;
        let zone = match (query.zone.trim(), by.actor()) {
            ("", Actor::User(id)) => self.credits.budgets(id.into(), id).await?.time_zone,
            ("", _) => "UTC".to_owned(),
            (zone, _) => zone.to_owned(),
        };
        Range::new(picked, &zone, self.database.now())
    }

    /// What happened in a range.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub async fn read_stats(&self, by: Authority, query: &StatsQuery) -> AppResult<Statistics> {
        self.stats.overview(self.range_of(by, query).await?).await
    }

    /// What providers took in a range, and for whom.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub async fn read_costs(&self, by: Authority, query: &StatsQuery) -> AppResult<Costs> {
        let mut costs = self.stats.costs(self.range_of(by, query).await?).await?;
        let ids: BTreeSet<&String> =
            costs.users.iter().map(|row| &row.id).chain(costs.keys.iter().map(|row| &row.user)).collect();
        let names: HashMap<_, _> =
            self.names_of(ids.into_iter().filter_map(|id| id.parse().ok()).collect()).await?.into_iter().collect();
        for row in &mut costs.users {
            row.email = names.get(&row.id).cloned();
        }
        for row in &mut costs.keys {
            row.email = names.get(&row.user).cloned();
        }
        Ok(costs)
    }

    /// A page of attempts, newest first.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub async fn list_attempts(&self, by: Authority, query: &AttemptsQuery) -> AppResult<Page<AttemptItem>> {
        let limit = page_limit(query.limit.as_deref(), ATTEMPTS_PAGE)?;
        let before = query.cursor.as_deref().map(read_place).transpose()?;
        let Some(filter) = self.attempts_of(by, query).await? else {
            return Ok(Page { items: Vec::new(), next_cursor: None });
        };
        let mut found = self.stats.attempts(filter, before, limit + 1).await?;
        let is_last = found.len() <= limit;
        found.truncate(limit);
        let next_cursor = found.last().filter(|_| !is_last).map(|last| format!("{}.{}", last.at, last.id));
        Ok(Page { items: found.into_iter().map(AttemptItem::of).collect::<AppResult<_>>()?, next_cursor })
    }

    /// Which attempts a query means; `None`: those of nobody.
    pub(super) async fn attempts_of(&self, _: Authority, query: &AttemptsQuery) -> AppResult<Option<AttemptFilter>> {
        let now = self.database.now();
        let (from, until) = times_of(&query.from, &query.until)?;
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let only_failed = match &*query.outcome {
            "" => false,
            "failed" => true,
            _ => return Err(AppError::invalid("outcome", "The outcome is failed, or nothing.")),
        };
        let user = match given(&query.user) {
            None => None,
            Some(text) => {
                let Some(id) = self.find_person(&text).await? else { return Ok(None) };
                Some(id.into())
            }
        };
        let key = given(&query.key).map(|id| id.parse());
        let key = key.transpose().map_err(|_| AppError::invalid("key", t(Text::KeyIdWanted)))?;
        Ok(Some(AttemptFilter {
            from: from.unwrap_or(now - DAY),
            until: until.unwrap_or(now + DAY),
            provider: given(&query.provider),
            model: given(&query.model),
            user,
            key,
            only_failed,
        }))
    }

    async fn find_person(&self, text: &str) -> AppResult<Option<UserId>> {
        if let Ok(id) = text.parse() {
            return Ok(Some(id));
        }
        let Ok(email) = Email::parse(text) else { return Ok(None) };
        Ok(find_user(self.accounts.as_ref(), &email).await?.map(|user| user.id))
    }
}

fn read_place(cursor: &str) -> AppResult<AttemptPlace> {
    let place = || {
        let (at, id) = cursor.split_once('.')?;
        let at: i64 = at.parse().ok()?;
        // Of a time that there is.
        Timestamp::from_millisecond(at).ok()?;
        Some((at, id.parse().ok()?))
    };
    place().ok_or_else(|| AppError::invalid("cursor", "This cursor is not valid."))
}
