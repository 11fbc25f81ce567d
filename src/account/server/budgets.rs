//! The rules of budgets: what a user may spend in a day, a week or a month.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Account;
use crate::credits::Period;
use crate::credits::server::budgets::{Budget, BudgetPlan};
use crate::i18n::{Text, fill, t};
use crate::platform::amount::Amount;
use crate::platform::db::{now_millis, rfc3339};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{ApiKeyId, BudgetId, UserId};

/// Most budgets of a user.
pub const MAX_BUDGETS: usize = 20;
/// Most characters of a model's name.
const MAX_MODEL_CHARS: usize = 120;
/// From which share of a budget on people are told, in percent.
const NOTICES: [i64; 3] = [100, 80, 50];

/// The budgets of a user, and what is spent of them.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Budgets {
    /// IANA name: where the days of the budgets begin.
    pub time_zone: String,
    pub budgets: Vec<BudgetState>,
}

/// A budget, and what is spent of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetState {
    /// `UUIDv7`.
    pub id: String,
    pub period: Period,
    /// Most credits that may be spent in the period.
    pub limit: Amount,
    /// Only what this API key spends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Only what this model costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Credits that are spent or held in the period that runs now.
    pub spent: Amount,
    pub left: Amount,
    /// An admin set it: its user can neither change it nor take it away.
    pub set_by_admin: bool,
    /// 50, 80 or 100, once so many percent are spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<i64>,
    /// When the next period begins: RFC 3339, UTC.
    pub resets_at: String,
}

/// The budgets that are wanted, in the place of those that there are.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetsRequest {
    /// IANA name, such as `Europe/Zurich`; without it, as it is.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// At most 20. One for the same period, key and model as before goes on counting.
    #[serde(default)]
    #[schema(required)]
    pub budgets: Option<Vec<BudgetRequest>>,
}

/// A budget that is wanted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetRequest {
    pub period: Period,
    /// Most credits that may be spent in the period; positive.
    pub limit: Amount,
    /// Only what this API key spends.
    #[serde(default)]
    pub key_id: Option<String>,
    /// Only what this model costs; with `*` at its end, those whose names begin so.
    #[serde(default)]
    pub model: Option<String>,
}

/// A form for a budget that was not taken.
#[derive(Debug, Clone, Default)]
pub struct RefusedBudget {
    pub form: BudgetFields,
    /// The field that is wrong; empty if it is none of them.
    pub field: String,
    pub message: String,
}

/// The fields of the form for a budget, as they were typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetFields {
    /// Empty: the form is another one.
    #[serde(default)]
    pub period: String,
    #[serde(default)]
    pub limit: String,
    /// The id of the key that it is for; empty: for all.
    #[serde(default)]
    pub of: String,
    #[serde(default)]
    pub model: String,
    #[serde(default)]
    pub time_zone: String,
}

/// How much of a budget is spent, as a step that people are told of.
#[must_use]
pub fn notice_of(spent: Amount, most: Amount) -> Option<i64> {
    let (spent, most) = (i128::from(spent.micros()) * 100, i128::from(most.micros()));
    NOTICES.into_iter().find(|percent| spent >= most * i128::from(*percent))
}

impl Account {
    /// The budgets of a user, with what is spent of them.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn load_budgets(&self, user: UserId) -> AppResult<Budgets> {
        let owner = user.into();
        let (plan, spending) = tokio::try_join!(self.credits.budgets(owner, user), self.credits.spending(owner))?;
        Budgets::of(plan, &spending)
    }

    /// Sets the budgets of a user anew, but for those that an admin set.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub async fn set_budgets(&self, user: UserId, request: BudgetsRequest) -> AppResult<Budgets> {
        self.replace_budgets(user, request, false).await
    }

    /// Sets those budgets of a user anew that an admin sets. One of the user's own for the same becomes the admin's.
    ///
    /// # Errors
    /// As [`Account::set_budgets`].
    pub async fn set_budgets_as_admin(&self, user: UserId, request: BudgetsRequest) -> AppResult<Budgets> {
        self.replace_budgets(user, request, true).await
    }

    async fn replace_budgets(&self, user: UserId, request: BudgetsRequest, by_admin: bool) -> AppResult<Budgets> {
        let Some(wanted) = request.budgets else {
            return Err(AppError::invalid("budgets", "Send the list of budgets; it may be empty."));
        };
        let before = self.credits.budgets(user.into(), user).await?;
        let time_zone = match request.time_zone {
            Some(name) => check_time_zone(&name)?,
            None => before.time_zone,
        };
        let too_many =
            || AppError::invalid("budgets", fill(Text::TooManyBudgets, &[("most", &MAX_BUDGETS.to_string())]));
        if wanted.len() > MAX_BUDGETS {
            return Err(too_many());
        }
        let mut others: Vec<Budget> = before.budgets.iter().filter(|one| one.by_admin != by_admin).cloned().collect();
        let keys = self.store.list_keys(user).await?;
        let mut budgets: Vec<Budget> = Vec::new();
        for (at, BudgetRequest { period, limit, key_id, model }) in wanted.into_iter().enumerate() {
            let field = |name: &str| format!("budgets[{at}].{name}");
            if !(Amount::LEAST..=Amount::MAX).contains(&limit) {
                return Err(AppError::invalid(field("limit"), t(Text::BudgetLimitWrong)));
            }
            let key = match key_id.as_deref() {
                None => None,
                Some(id) => {
                    let own = id.parse::<ApiKeyId>().ok().filter(|id| keys.iter().any(|key| key.id == *id));
                    Some(own.ok_or_else(|| AppError::invalid(field("keyId"), t(Text::NoSuchKey)))?)
                }
            };
            let model = model.map(|model| model.trim().to_owned()).filter(|model| !model.is_empty());
            if model
                .as_ref()
                .is_some_and(|model| model.chars().count() > MAX_MODEL_CHARS || model.contains(char::is_control))
            {
                return Err(AppError::invalid(field("model"), t(Text::BudgetModelWrong)));
            }
            let is_same = |other: &Budget| (other.period, other.key, &other.model) == (period, key, &model);
            if budgets.iter().any(is_same) {
                return Err(AppError::invalid(field("period"), t(Text::BudgetTwice)));
            }
            match others.iter().position(is_same) {
                Some(at) if by_admin => drop(others.remove(at)),
                // A list that was read names it too.
                Some(at) if others[at].most == limit => continue,
                Some(_) => return Err(AppError::invalid(field("limit"), t(Text::BudgetOfAdmin))),
                None => {}
            }
            // The same budget goes on counting, whatever its limit is now.
            let id = before.budgets.iter().find(|other| is_same(other)).map_or_else(BudgetId::now_v7, |same| same.id);
            budgets.push(Budget { id, period, most: limit, key, model, by_admin });
        }
        others.append(&mut budgets);
        let budgets = others;
        if budgets.len() > MAX_BUDGETS {
            return Err(too_many());
        }
        self.credits.set_budgets(user.into(), user, BudgetPlan { time_zone, budgets }).await?;
        self.load_budgets(user).await
    }
}

impl Budgets {
    /// These budgets, with what the counts of the account say that is spent of them now.
    pub(super) fn of(plan: BudgetPlan, spending: &HashMap<String, Amount>) -> AppResult<Self> {
        let state = plan.state(spending, now_millis())?;
        let shown = state.into_iter().map(|(Budget { id, period, most, key, model, by_admin }, spent, window)| {
            Ok(BudgetState {
                id: id.to_string(),
                period,
                limit: most,
                key_id: key.map(|key| key.to_string()),
                model,
                spent,
                left: (most - spent).max(Amount::ZERO),
                set_by_admin: by_admin,
                notice: notice_of(spent, most),
                resets_at: rfc3339(window.end)?,
            })
        });
        Ok(Self { time_zone: plan.time_zone, budgets: shown.collect::<AppResult<_>>()? })
    }

    /// The same again, as a request.
    fn request(self) -> BudgetsRequest {
        let budgets = self.budgets.into_iter().map(BudgetState::request).collect();
        BudgetsRequest { time_zone: Some(self.time_zone), budgets: Some(budgets) }
    }
}

impl BudgetState {
    fn request(self) -> BudgetRequest {
        BudgetRequest { period: self.period, limit: self.limit, key_id: self.key_id, model: self.model }
    }
}

impl BudgetFields {
    /// What the form asks for.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field of the form.
    pub fn read(&self) -> AppResult<BudgetRequest> {
        let period = Period::ALL.into_iter().find(|period| period.as_str() == self.period);
        let period = period.ok_or_else(|| AppError::invalid("period", t(Text::BudgetPeriod)))?;
        let limit = Amount::parse(self.limit.trim()).filter(|limit| limit.is_positive());
        let limit = limit.ok_or_else(|| AppError::invalid("limit", t(Text::BudgetLimitWrong)))?;
        Ok(BudgetRequest { period, limit, key_id: given(&self.of), model: given(&self.model) })
    }
}

fn given(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

impl Account {
    /// Sets the budget of a form, in the place of that for the same.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field of the form.
    pub async fn add_budget(&self, user: UserId, form: &BudgetFields) -> AppResult<Budgets> {
        let new = form.read()?;
        let mut request = self.load_budgets(user).await?.request();
        request.time_zone = given(&form.time_zone).or(request.time_zone);
        let budgets = request.budgets.get_or_insert_default();
        budgets.retain(|other| (other.period, &other.key_id, &other.model) != (new.period, &new.key_id, &new.model));
        budgets.push(new);
        self.set_budgets(user, request).await.map_err(|error| match error {
            // Of the list that the form knows nothing of, it is the last.
            AppError::InvalidInput { field, message } => {
                let field = field.rsplit('.').next().unwrap_or_default().to_owned();
                AppError::InvalidInput { field, message }
            }
            other => other,
        })
    }

    /// The budgets that an admin set, with that of a form, in the place of that for the same.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field of the form.
    pub async fn with_admin_budget(&self, user: UserId, form: &BudgetFields) -> AppResult<BudgetsRequest> {
        let new = form.read()?;
        let mut budgets = self.admin_budgets(user).await?;
        budgets.retain(|other| (other.period, &other.key_id, &other.model) != (new.period, &new.key_id, &new.model));
        budgets.push(new);
        Ok(BudgetsRequest { time_zone: None, budgets: Some(budgets) })
    }

    /// The budgets that an admin set, without one.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn without_admin_budget(&self, user: UserId, id: BudgetId) -> AppResult<BudgetsRequest> {
        let id = id.to_string();
        let all = self.load_budgets(user).await?.budgets;
        let kept = all.into_iter().filter(|budget| budget.set_by_admin && budget.id != id);
        Ok(BudgetsRequest { time_zone: None, budgets: Some(kept.map(BudgetState::request).collect()) })
    }

    async fn admin_budgets(&self, user: UserId) -> AppResult<Vec<BudgetRequest>> {
        let all = self.load_budgets(user).await?.budgets;
        Ok(all.into_iter().filter(|budget| budget.set_by_admin).map(BudgetState::request).collect())
    }

    /// Takes a budget away; one that is gone already is fine.
    ///
    /// # Errors
    /// [`AppError::Conflict`] for one that an admin set; [`AppError::Unavailable`].
    pub async fn remove_budget(&self, user: UserId, id: BudgetId) -> AppResult<()> {
        let mut plan = self.credits.budgets(user.into(), user).await?;
        if plan.budgets.iter().any(|budget| budget.id == id && budget.by_admin) {
            return Err(AppError::Conflict(t(Text::BudgetOfAdmin).to_owned()));
        }
        plan.budgets.retain(|budget| budget.id != id);
        Ok(self.credits.set_budgets(user.into(), user, plan).await?)
    }
}

/// The name of a time zone as it is known.
pub(super) fn check_time_zone(name: &str) -> AppResult<String> {
    let zone = TimeZone::get(name.trim()).ok();
    let known = zone.as_ref().and_then(TimeZone::iana_name);
    known.map(str::to_owned).ok_or_else(|| AppError::invalid("timeZone", t(Text::TimeZoneWrong)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_at_half_at_four_fifths_and_at_the_end() {
        let of = |spent: i64| notice_of(Amount::from_micros(spent), Amount::from_micros(1000));
        assert_eq!(
            [0, 499, 500, 799, 800, 999, 1000, 1001].map(of),
            [None, None, Some(50), Some(50), Some(80), Some(80), Some(100), Some(100)]
        );
        assert_eq!(notice_of(Amount::MAX, Amount::MAX), Some(100));
    }

    #[test]
    fn a_time_zone_has_a_name() {
        assert_eq!(check_time_zone(" europe/zurich "), Ok("Europe/Zurich".to_owned()));
        for name in ["", "Mars/Base", "+01:00", "../etc/passwd"] {
            assert!(check_time_zone(name).is_err(), "{name}");
        }
    }
}
