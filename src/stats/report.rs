//! Reports: what a range adds up to, by its parts, compared with the range before.

use std::sync::Arc;

use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Stats;
use super::figures::{CostRow, Figures, KeyRow, monies};
use super::mirror::{MOST_ROWS, Mirror, Person};
use super::range::{Range, Slice};
use super::store::{AttemptFilter, EntryFilter, ListedEntry, Standing};
use super::sums::{ModelSums, Sums};
use crate::credits::Origin;
use crate::platform::amount::Amount;
use crate::platform::db::rfc3339;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::AttemptId;
use crate::platform::money::Money;
use crate::usage::Attempt;

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// `24h`, `7d`, `30d`, `90d` or `custom`.
    pub range: &'static str,
    /// The time zone that days are cut in.
    #[schema(example = "Europe/Zurich")]
    pub zone: String,
    /// RFC 3339, UTC.
    pub from: String,
    /// Before this time; today is not over.
    pub until: String,
    /// When it was counted.
    pub counted_at: String,
}

/// A day, or an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// In the time zone of the report.
    #[schema(example = "2026-11-29")]
    pub name: String,
    /// RFC 3339, UTC.
    pub from: String,
    pub until: String,
    /// Something came in more than an hour after its time.
    pub corrected: bool,
    pub figures: Figures,
}

/// How things stand now, as they were a minute ago at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Now {
    pub users: Vec<UserCount>,
    /// Credits that are not spent, with those that running work holds.
    pub unspent: Amount,
    /// Of those, what was bought, or came with a subscription.
    pub unspent_paid: Amount,
    /// What users owe.
    pub overdrawn: Amount,
    /// What was paid for what is not spent: what is owed to people.
    #[schema(value_type = Vec<crate::platform::money::WrittenMoney>)]
    pub owed: Vec<Money>,
}

/// Users of a role and status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserCount {
    /// SUBSCRIBER: a user with a plan.
    pub role: String,
    pub status: String,
    pub count: u64,
}

/// `/admin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Statistics {
    pub about: About,
    pub total: Figures,
    /// Of the range before, which is as long.
    pub before: Figures,
    /// Its days, or hours.
    pub parts: Vec<Part>,
    pub now: Now,
}

/// What a user cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserRow {
    /// `UUIDv7`.
    pub id: String,
    /// Absent: the user is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub email: Option<String>,
    pub attempts: u32,
    pub cost_micros: i64,
    pub spent: Amount,
    pub margin_micros: i64,
}

/// `/admin/costs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Costs {
    pub about: About,
    pub total: Figures,
    pub before: Figures,
    pub parts: Vec<Part>,
    pub providers: Vec<CostRow>,
    /// At most 50, those that cost the most.
    pub models: Vec<CostRow>,
    /// At most 50, those that cost the most.
    pub users: Vec<UserRow>,
    /// At most 50, those that cost the most. What was asked without a key is of none.
    pub keys: Vec<KeyRow>,
}

impl Stats {
    /// What happened in a range.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn overview(&self, range: Range) -> AppResult<Statistics> {
        self.refresh().await?;
        let now = now_of(self.standing().await?.as_ref());
        let about = self.about(&range)?;
        let counted = self.count(move |mirror| count(mirror, &range)).await?;
        Ok(Statistics { about, total: counted.total, before: counted.before, parts: counted.parts, now })
    }

    /// What providers took in a range, and for whom. Users have no addresses yet.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn costs(&self, range: Range) -> AppResult<Costs> {
        self.refresh().await?;
        let about = self.about(&range)?;
        let (counted, providers, models, users, keys) = self
            .count(move |mirror| {
                let counted = count(mirror, &range)?;
                let (from, until) = range.ends();
                let (mut providers, mut models) = (Vec::new(), Vec::new());
                for (provider, of_provider) in &counted.sums.models {
                    let mut all = ModelSums::default();
                    for sums in of_provider.values() {
                        all.add(sums);
                    }
                    providers.push(CostRow::of(provider, None, &all));
                    models.extend(of_provider.iter().map(|(model, sums)| CostRow::of(provider, Some(model), sums)));
                }
                let order = |row: &CostRow| (-row.cost_micros, u64::MAX - row.attempts, row.model.clone());
                providers.sort_by_cached_key(order);
                models.sort_by_cached_key(order);
                models.truncate(MOST_ROWS);
                let users = mirror.top_users(from, until).iter().map(user_row).collect();
                let keys = mirror.top_keys(from, until).iter().map(KeyRow::of).collect();
                Ok((counted, providers, models, users, keys))
            })
            .await?;
        Ok(Costs {
            about,
            total: counted.total,
            before: counted.before,
            parts: counted.parts,
            providers,
            models,
            users,
            keys,
        })
    }

    /// A page of attempts, newest first.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn attempts(
        &self,
        filter: AttemptFilter,
        before: Option<(i64, AttemptId)>,
        limit: usize,
    ) -> AppResult<Vec<Attempt>> {
        Ok(self.store().list(filter, before.unwrap_or((i64::MAX, AttemptId::max())), limit).await?)
    }

    /// A page of the ledger, newest first.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn entries(
        &self,
        filter: EntryFilter,
        before: Option<(i64, Uuid)>,
        limit: usize,
    ) -> AppResult<Vec<ListedEntry>> {
        Ok(self.store().list_entries(filter, before.unwrap_or((i64::MAX, Uuid::max())), limit).await?)
    }

    fn about(&self, range: &Range) -> AppResult<About> {
        let (from, until) = range.ends();
        Ok(About {
            range: range.picked.name(),
            zone: range.zone.clone(),
            from: rfc3339(from)?,
            until: rfc3339(until)?,
            counted_at: rfc3339(self.now())?,
        })
    }

    /// Counts where it keeps no request waiting.
    async fn count<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Mirror) -> AppResult<T> + Send + 'static,
    ) -> AppResult<T> {
        let stats = self.clone();
        spawn_blocking(move || stats.read(what)).await.map_err(|_| AppError::Internal)?
    }
}

struct Counted {
    sums: Arc<Sums>,
    total: Figures,
    before: Figures,
    parts: Vec<Part>,
}

fn count(mirror: &Mirror, range: &Range) -> AppResult<Counted> {
    let spans = |slices: &[Slice]| slices.iter().map(|slice| (slice.from, slice.until)).collect::<Vec<_>>();
    let (during, before) = (spans(&range.slices), spans(&range.before));
    let (by_part, active) = mirror.active(&during);
    let sums = mirror.sums_of(&during);
    let total = Figures::of(&sums, active);
    let before = Figures::of(&mirror.sums_of(&before), mirror.active(&before).1);
    let part = |(slice, active): (&Slice, u64)| {
        Ok(Part {
            name: slice.name.clone(),
            from: rfc3339(slice.from)?,
            until: rfc3339(slice.until)?,
            corrected: mirror.is_corrected(slice.from, slice.until),
            figures: Figures::of(&mirror.sums(slice.from, slice.until), active),
        })
    };
    let parts = range.slices.iter().zip(by_part).map(part).collect::<AppResult<_>>()?;
    Ok(Counted { sums, total, before, parts })
}

fn user_row((id, person): &(Uuid, Person)) -> UserRow {
    UserRow {
        id: id.to_string(),
        email: None,
        attempts: person.attempts,
        cost_micros: person.cost_micros,
        spent: Amount::from_micros(person.spent),
        margin_micros: person.earned_micros - person.cost_micros,
    }
}

fn now_of(standing: &Standing) -> Now {
    let users = standing.users.iter();
    let paid: i64 = [Origin::Bought, Origin::Plan].iter().filter_map(|origin| standing.unspent.get(origin)).sum();
    Now {
        users: users
            .map(|((role, status), count)| UserCount { role: role.clone(), status: status.clone(), count: *count })
            .collect(),
        unspent: Amount::from_micros(standing.unspent.values().sum()),
        unspent_paid: Amount::from_micros(paid),
        overdrawn: Amount::from_micros(standing.overdrawn),
        owed: monies(&standing.owed),
    }
}
