//! Looking for users, and all there is to know of one but what they wrote and made.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audit::times_of;
use super::{Admin, Authority};
use crate::account::server::directory::{ListedUser, Place, UserFilter, UserOrder};
use crate::account::server::plans::standing;
use crate::account::server::sessions::UserStatus;
use crate::account::{Role, Scope};
use crate::credits::server::lots::Lot;
use crate::credits::{self, LedgerEntry, Page};
use crate::payments::{PaymentState, PaymentView};
use crate::platform::amount::Amount;
use crate::platform::db::{StoreResult, rfc3339};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::page_limit;
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::{PaymentId, UserId};
use crate::platform::time::DAY;

/// Users of a page where nothing else is asked for.
const USERS_PAGE: usize = 25;
/// What is shown of the ledger and of purchases.
const ENTRIES: usize = 20;
/// The time of the usage that is shown, in days.
pub(super) const USAGE_DAYS: i64 = 30;

/// Which users, and in which order.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UsersQuery {
    /// What an email address begins with, or a whole id. Addresses are found in their order, whatever `sort` says.
    #[serde(default)]
    #[param(required = false)]
    pub q: String,
    /// `USER` or `ADMIN`, as granted: subscribers are users with a plan.
    #[serde(default)]
    #[param(required = false)]
    pub role: String,
    /// `active`, `disabled` or `erasing`.
    #[serde(default)]
    #[param(required = false)]
    pub status: String,
    /// `newest` (the default), `oldest` or `email`.
    #[serde(default)]
    #[param(required = false)]
    pub sort: String,
    /// Registered at this time (RFC 3339) or on this day (UTC), or later.
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

/// A user in the list.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserSummary {
    /// `UUIDv7`.
    pub id: String,
    pub email: String,
    pub name: String,
    /// As granted, without what a plan adds.
    pub role: Role,
    pub status: UserStatus,
    /// Whether the address was shown to be theirs.
    pub email_verified: bool,
    /// RFC 3339, UTC.
    pub created_at: String,
}

impl UserSummary {
    pub(super) fn of(ListedUser { user, created_at }: ListedUser) -> AppResult<Self> {
        Ok(Self {
            id: user.id.to_string(),
            email: user.email,
            name: user.name,
            role: user.role,
            status: user.status,
            email_verified: user.email_verified_at.is_some(),
            created_at: rfc3339(created_at)?,
        })
    }
}

/// A user, with what the account shows them: no conversation, no prompt, no picture and no secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserDetail {
    pub user: UserSummary,
    pub has_password: bool,
    /// Absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub plan: Option<PlanNow>,
    pub credits: CreditsNow,
    /// The newest entries.
    pub ledger: Vec<LedgerEntry>,
    /// The newest that somebody paid for.
    pub purchases: Vec<PaymentView>,
    pub sessions: Vec<SessionNow>,
    pub keys: Vec<KeyNow>,
    pub images: StoredNow,
    pub usage: UsageNow,
}

/// The plan that a user has.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanNow {
    pub name: String,
    /// RFC 3339, UTC.
    pub until: String,
}

/// An account at one moment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CreditsNow {
    pub available: Amount,
    pub held: Amount,
    pub debt: Amount,
    /// In the order in which they are used.
    pub lots: Vec<credits::Lot>,
}

/// Where a user is signed in.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionNow {
    pub device: String,
    pub address: String,
    /// RFC 3339, UTC.
    pub created_at: String,
    pub last_used_at: String,
}

/// An API key of a user.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyNow {
    /// `UUIDv7`.
    pub id: String,
    pub scopes: Vec<Scope>,
    /// RFC 3339, UTC.
    pub created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_used_at: Option<String>,
}

/// Images of a user.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoredNow {
    /// How many were made and are kept.
    pub made: u64,
    pub made_bytes: u64,
    /// Of those that were sent with messages.
    pub sent_bytes: u64,
}

/// What was asked of providers for a user in the last 30 days.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageNow {
    pub attempts: u64,
    /// Those that came to nothing.
    pub failed: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// What providers took, in millionths of a US dollar, as far as prices are known.
    pub cost_micros: i64,
}

impl Admin {
    /// A page of users.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub async fn list_users(&self, _: Authority, query: &UsersQuery) -> AppResult<Page<UserSummary>> {
        let limit = page_limit(query.limit.as_deref(), USERS_PAGE)?;
        let after = query
            .cursor
            .as_deref()
            .map(|cursor| Place::parse(cursor).ok_or_else(|| AppError::invalid("cursor", "This cursor is not valid.")));
        let after = after.transpose()?;
        let (filter, order) = read_query(query)?;
        if let Ok(id) = query.q.trim().parse::<UserId>() {
            let found = self.directory.find(id).await?;
            let found = found.filter(|found| {
                filter.role.is_none_or(|role| role == found.user.role)
                    && filter.status.is_none_or(|status| status == found.user.status)
            });
            let items = found.into_iter().map(UserSummary::of).collect::<AppResult<_>>()?;
            return Ok(Page { items, next_cursor: None });
        }
        let mut found = self.directory.list(filter, order, after, limit + 1).await?;
        let is_last = found.len() <= limit;
        found.truncate(limit);
        let next_cursor = found.last().filter(|_| !is_last).map(|last| Place::from(&last.user).to_string());
        Ok(Page { items: found.into_iter().map(UserSummary::of).collect::<AppResult<_>>()?, next_cursor })
    }

    /// One user.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn show_user(&self, _: Authority, id: UserId) -> AppResult<UserDetail> {
        let found = self.directory.find(id).await?.ok_or(AppError::NotFound)?;
        let (now, owner) = (self.database.now(), id.into());
        let account = self.credits.account(owner, &current_request_id()).await?;
        let (ledger, payments, sessions, keys, periods, made, made_bytes, sent_bytes, usage) = tokio::try_join!(
            self.credits.ledger(owner, None, ENTRIES),
            self.payments.list(id, PaymentId::max(), ENTRIES),
            self.sessions.list(id, now),
            self.accounts.list_keys(id),
            self.plans.periods(id),
            self.images.count_of(id),
            self.images.bytes(id),
            self.chats.image_bytes(id),
            self.attempts.sum_of_user(id, now - USAGE_DAYS * DAY),
        )?;
        let plan = standing(periods, now);
        let is_bought = |view: &PaymentView| !matches!(view.state, PaymentState::Created | PaymentState::Abandoned);
        let purchases = payments.iter().map(|payment| payment.view(0, now)).collect::<StoreResult<Vec<_>>>()?;
        Ok(UserDetail {
            has_password: found.user.password_hash.is_some(),
            user: UserSummary::of(found)?,
            plan: plan.map(|plan| rfc3339(plan.until).map(|until| PlanNow { name: plan.name, until })).transpose()?,
            credits: CreditsNow {
                available: account.balance.available,
                held: account.balance.held,
                debt: account.balance.debt,
                lots: account.lots.as_slice().iter().map(Lot::shown).collect::<StoreResult<_>>()?,
            },
            ledger: ledger.map(|page| page.items).unwrap_or_default(),
            purchases: purchases.into_iter().filter(is_bought).collect(),
            sessions: sessions
                .into_iter()
                .map(|session| {
                    Ok(SessionNow {
                        created_at: rfc3339(session.created_at)?,
                        last_used_at: rfc3339(session.last_used_at)?,
                        device: session.device,
                        address: session.address,
                    })
                })
                .collect::<StoreResult<_>>()?,
            keys: keys
                .into_iter()
                .map(|key| {
                    Ok(KeyNow {
                        id: key.id.to_string(),
                        scopes: key.scopes,
                        created_at: rfc3339(key.created_at)?,
                        last_used_at: key.last_used_at.map(rfc3339).transpose()?,
                    })
                })
                .collect::<StoreResult<_>>()?,
            images: StoredNow { made, made_bytes, sent_bytes },
            usage: UsageNow {
                attempts: usage.attempts,
                failed: usage.failed,
                input_tokens: usage.input_tokens,
                output_tokens: usage.output_tokens,
                cost_micros: usage.cost_micros,
            },
        })
    }
}

/// What a query asks for. Empty fields are none, as forms send them.
fn read_query(query: &UsersQuery) -> AppResult<(UserFilter, UserOrder)> {
    let role = match &*query.role {
        "" => None,
        name => {
            let role = Role::parse(name).filter(|role| *role != Role::Subscriber);
            Some(role.ok_or_else(|| AppError::invalid("role", "The role is USER or ADMIN."))?)
        }
    };
    let status = match &*query.status {
        "" => None,
        name => {
            let problem = || AppError::invalid("status", "The status is active, disabled or erasing.");
            Some(UserStatus::parse(name).ok_or_else(problem)?)
        }
    };
    let order = match &*query.sort {
        "" | "newest" => UserOrder::Newest,
        "oldest" => UserOrder::Oldest,
        "email" => UserOrder::Email,
        _ => return Err(AppError::invalid("sort", "The order is newest, oldest or email.")),
    };
    let email = Some(query.q.trim().to_lowercase()).filter(|begin| !begin.is_empty());
    // All that begin so are next to each other in this order alone.
    let order = if email.is_some() { UserOrder::Email } else { order };
    let (from, until) = times_of(&query.from, &query.until)?;
    Ok((UserFilter { email, role, status, from, until }, order))
}
