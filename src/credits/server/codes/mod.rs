//! Codes that people redeem for credits: what one is worth, who may use it how often, and until when.
//!
//! Using one is a single insert, which the database lets happen once per place: no two people get the same use of a code, and
//! nobody the same twice. The credits come after it, by a posting that names this use; where a server dies in between, they
//! are posted later.

pub mod making;
mod mongo;
mod sqlite;
pub mod view;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rand::Rng;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::mongo::MongoCodeStore;
pub use self::sqlite::SqliteCodeStore;
use super::Credits;
use super::store::{LotTerms, NewPosting, PostingKind, PostingOutcome};
use crate::account::server::plans::{Period, in_order};
use crate::credits::Origin;
use crate::flags::{Flag, Who};
use crate::i18n::{Text, count_written, day_text, fill, t};
use crate::platform::amount::Amount;
use crate::platform::db::{StoreResult, now_millis, rfc3339};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::{RedemptionId, UserId};
use crate::platform::limits::Limit;
use crate::platform::secret::{SecretHash, hash_secret};
use crate::platform::time::DAY;

/// None of them looks like another.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Characters of a code that is made here: 80 bits, in groups.
const GROUPS: usize = 4;
const GROUP: usize = 4;
/// Most characters of a code, as it is typed.
const MOST_CHARS: usize = 64;
/// Least characters of one that somebody thought of.
const LEAST_CHARS: usize = 4;
/// Uses that are finished at a time.
const UNFINISHED: usize = 500;

/// A code to be given out. What it is, is not kept: only its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCode {
    pub hash: SecretHash,
    /// What the operator calls those that it belongs to; people see it in their ledger.
    pub campaign: String,
    /// Positive.
    pub credits: Amount,
    /// How often it may be used in all. `None`: as often as there are users.
    pub most_uses: Option<u32>,
    /// How often by one user.
    pub per_user: u32,
    /// Until when, in milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// How long its credits last from when it is redeemed, in milliseconds.
    pub credits_last: Option<i64>,
    /// Days of a plan that come with them: then they end with those.
    pub plan: Option<PlanDays>,
    /// In milliseconds since 1970.
    pub created_at: i64,
}

/// Days of a plan, as it was when the code was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanDays {
    pub name: String,
    /// Requests a minute.
    pub per_minute: u32,
    pub days: u32,
}

/// A code to redeem.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct RedeemRequest {
    /// However it is typed: small or capital letters, with spaces, hyphens or without.
    #[serde(default)]
    #[schema(required)]
    pub code: String,
}

/// What a code gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Redeemed {
    pub credits: Amount,
    /// What can be spent now.
    pub available: Amount,
    /// What the code belongs to.
    pub campaign: String,
    /// When these credits expire: RFC 3339, UTC; absent: they do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credits_expire_at: Option<String>,
    /// The plan of which it gives days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Until when the code may be used: RFC 3339, UTC; absent: without end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_expires_at: Option<String>,
}

/// One use of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redemption {
    pub id: RedemptionId,
    pub user: UserId,
    pub campaign: String,
    pub credits: Amount,
    /// Until when the code may be used.
    pub code_expires_at: Option<i64>,
    /// When its credits expire; those of a plan end with its days.
    pub credits_expire_at: Option<i64>,
    pub plan: Option<PlanDays>,
    pub at: i64,
}

impl Redemption {
    fn of(code: &NewCode, user: UserId, at: i64) -> Self {
        Self {
            id: RedemptionId::now_v7(),
            user,
            campaign: code.campaign.clone(),
            credits: code.credits,
            code_expires_at: code.expires_at,
            credits_expire_at: code.credits_last.map(|last| at.saturating_add(last)),
            plan: code.plan.clone(),
            at,
        }
    }
}

/// What came of using a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedeemOutcome {
    /// Its credits are to be posted.
    Used(Redemption),
    /// There is none, or it was ended.
    Unknown,
    Expired,
    /// Others have used it as often as it may be.
    UsedUp,
    /// This user has used it as often as one may.
    Repeated,
}

/// The codes of a campaign, as the operator sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    pub name: String,
    pub codes: i64,
    /// Of those, how many may still be used, by their time.
    pub open: i64,
    pub uses: i64,
    /// What was given by them.
    pub credits: Amount,
}

/// The port to codes and their uses.
#[async_trait]
pub trait CodeStore: Send + Sync {
    /// Adds codes. How many: those that are there already stay as they are.
    async fn add_codes(&self, codes: Vec<NewCode>) -> StoreResult<usize>;

    /// A code that was not ended.
    async fn find_code(&self, code: SecretHash) -> StoreResult<Option<NewCode>>;

    /// Takes one use of a code, in one step.
    async fn use_code(&self, code: SecretHash, user: UserId, at: i64) -> StoreResult<RedeemOutcome>;

    /// Says that the credits of a use are posted.
    async fn finish_use(&self, id: RedemptionId) -> StoreResult<()>;

    /// Uses of before `before` whose credits nobody has posted, oldest first.
    async fn unfinished_uses(&self, before: i64, most: usize) -> StoreResult<Vec<Redemption>>;

    /// Ends all codes of a campaign: how many there are.
    async fn end_campaign(&self, campaign: &str) -> StoreResult<usize>;

    /// All campaigns, by name.
    async fn campaigns(&self, now: i64) -> StoreResult<Vec<Campaign>>;
}

/// A code that nobody can guess.
#[must_use]
pub fn new_code() -> String {
    let mut rng = rand::rng();
    let group = |rng: &mut rand::rngs::ThreadRng| {
        (0..GROUP).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect::<String>()
    };
    (0..GROUPS).map(|_| group(&mut rng)).collect::<Vec<_>>().join("-")
}

/// What is kept of a code: however it is typed. `None` for what cannot be one.
#[must_use]
pub fn hash_code(typed: &str) -> Option<SecretHash> {
    if typed.chars().count() > MOST_CHARS {
        return None;
    }
    let code: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').flat_map(char::to_uppercase).collect();
    (code.len() >= LEAST_CHARS && code.chars().all(char::is_alphanumeric)).then(|| hash_secret(&code))
}

impl Credits {
    /// Uses a code: its credits are there when this returns.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `code`, [`AppError::Conflict`] where the user has used it, and
    /// [`AppError::RateLimited`], as guessing must not pay; [`AppError::SwitchedOff`].
    pub async fn redeem(&self, who: impl Into<Who>, code: &str) -> AppResult<Redeemed> {
        let who = who.into();
        self.flags.check(Flag::Codes, who)?;
        let user = who.user;
        self.limiter.check(Limit::Redeem, &user.to_string()).await?;
        let wrong = |text: Text| AppError::invalid("code", t(text));
        let hash = hash_code(code).ok_or_else(|| wrong(Text::CodeUnknown))?;
        let redemption = match self.codes.use_code(hash, user, now_millis()).await? {
            RedeemOutcome::Used(redemption) => redemption,
            RedeemOutcome::Unknown => return Err(wrong(Text::CodeUnknown)),
            RedeemOutcome::Expired => return Err(wrong(Text::CodeExpired)),
            RedeemOutcome::UsedUp => return Err(wrong(Text::CodeUsedUp)),
            RedeemOutcome::Repeated => return Err(AppError::Conflict(t(Text::CodeRepeated).to_owned())),
        };
        let credits_expire_at = self.post_redemption(&redemption, current_request_id()).await?;
        let available = self.store.balance(user.into(), &current_request_id()).await?.available;
        let time = |at: Option<i64>| at.map(rfc3339).transpose();
        Ok(Redeemed {
            credits: redemption.credits,
            available,
            campaign: redemption.campaign,
            credits_expire_at: time(credits_expire_at)?,
            plan: redemption.plan.map(|plan| plan.name),
            code_expires_at: time(redemption.code_expires_at)?,
        })
    }

    /// Posts the credits of uses whose server died before it did.
    ///
    /// # Errors
    /// [`AppError::Unavailable`]; what was not posted is found again.
    pub async fn finish_redemptions(&self, before: i64) -> AppResult<()> {
        let mut done = Ok(());
        for redemption in self.codes.unfinished_uses(before, UNFINISHED).await? {
            // One that fails keeps no other from its turn.
            done = done.and(self.post_redemption(&redemption, format!("redemption-{}", redemption.id)).await.map(drop));
        }
        done
    }

    /// Once, however often this is asked. When the credits expire.
    async fn post_redemption(&self, redemption: &Redemption, request_id: String) -> AppResult<Option<i64>> {
        let (origin, expires_at) = match &redemption.plan {
            None => (Origin::Promo, redemption.credits_expire_at),
            Some(plan) => (Origin::Plan, Some(self.add_days(redemption, plan).await?)),
        };
        let posting = NewPosting {
            owner: redemption.user.into(),
            kind: PostingKind::Grant,
            amount: redemption.credits,
            key: format!("code:{}", redemption.id),
            request_id,
            reason: Some(redemption.campaign.clone()),
            terms: LotTerms { origin: Some(origin), expires_at, ..LotTerms::default() },
        };
        match self.store.post(posting).await? {
            PostingOutcome::Posted(_) | PostingOutcome::Repeated(_) => {
                self.codes.finish_use(redemption.id).await?;
                Ok(expires_at)
            }
            // Nothing is taken by it.
            PostingOutcome::Insufficient { .. } => Err(AppError::Internal),
        }
    }

    /// Gives the days of a plan, after those that were given before. When they end.
    async fn add_days(&self, redemption: &Redemption, plan: &PlanDays) -> AppResult<i64> {
        let id = format!("code:{}", redemption.id);
        let period = Period {
            id: id.clone(),
            name: plan.name.clone(),
            per_minute: plan.per_minute,
            from: redemption.at,
            until: redemption.at.saturating_add(i64::from(plan.days).saturating_mul(DAY)),
            is_prepaid: true,
        };
        self.plans.set_period(redemption.user, period).await?;
        let periods = in_order(self.plans.periods(redemption.user).await?);
        periods.iter().find(|period| period.id == id).map(|period| period.until).ok_or(AppError::Internal)
    }
}

/// What people are told of a use.
#[must_use]
pub fn told(redeemed: &Redeemed) -> String {
    let moment = |at: &str| at.parse::<Timestamp>().map(Timestamp::as_millisecond).unwrap_or_default();
    let day = |at: &str| day_text(&TimeZone::UTC, moment(at));
    let credits = count_written(Text::CreditsCount, &redeemed.credits.as_entry());
    let mut told = match &redeemed.credits_expire_at {
        Some(at) if redeemed.plan.is_some() => {
            let plan = redeemed.plan.as_deref().unwrap_or_default();
            fill(Text::PlanRedeemedUntil, &[("plan", plan), ("credits", &credits), ("day", &day(at))])
        }
        Some(at) => fill(Text::CodeRedeemedUntil, &[("credits", &credits), ("day", &day(at))]),
        None => fill(Text::CodeRedeemed, &[("credits", &credits)]),
    };
    if let Some(at) = &redeemed.code_expires_at {
        // What is stored is the first moment at which it may not be used any more.
        told.push_str(&fill(Text::CodeUsableUntil, &[("day", &day_text(&TimeZone::UTC, moment(at) - 1))]));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed_and_no_two_are_alike() {
        let code = new_code();
        assert_eq!(code.len(), GROUPS * GROUP + GROUPS - 1);
        let typed = format!(" {} ", code.to_lowercase().replace('-', " "));
        assert_eq!(hash_code(&code), hash_code(&typed));
        assert_ne!(hash_code(&code), hash_code(&new_code()));
        assert_ne!(hash_code("WELCOME1"), hash_code("WELCOME2"));
        for wrong in ["", "abc", "a b-c", "SAVE%50", &"A".repeat(65)] {
            assert_eq!(hash_code(wrong), None, "{wrong}");
        }
    }
}
