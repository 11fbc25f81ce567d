//! Referrals: which user invited which. A referral link has the code of its user, the inviter; a new user who opens it and accepts
//! is invited by them for good. Both are rewarded with the first purchase of the invited user (`payments/server/extras/`).

mod mongo;
mod sqlite;

use async_trait::async_trait;

pub use self::mongo::MongoReferralStore;
pub use self::sqlite::SqliteReferralStore;
use super::Payments;
use crate::credits::server::codes::new_code;
use crate::i18n::{Text, t};
use crate::platform::amount::Amount;
use crate::platform::db::StoreResult;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::UserId;
use crate::platform::limits::Limit;
use crate::platform::query;

/// Most characters of a code, as it is typed.
const MOST_CHARS: usize = 64;

/// The port to referral codes, and to the inviters of users.
#[async_trait]
pub trait ReferralStore: Send + Sync {
    /// The code of a user, if they have one.
    async fn find_code(&self, user: UserId) -> StoreResult<Option<String>>;

    /// The code of a user. `new` is stored where they have none.
    async fn code_of(&self, user: UserId, new: String) -> StoreResult<String>;

    /// The user who has this code.
    async fn user_of(&self, code: &str) -> StoreResult<Option<UserId>>;

    /// Notes the inviter of a user. The one that was noted first stays.
    async fn set_inviter(&self, user: UserId, inviter: UserId) -> StoreResult<()>;

    async fn inviter_of(&self, user: UserId) -> StoreResult<Option<UserId>>;

    /// Forgets the code and the inviter of a user, and whom they invited.
    async fn forget(&self, user: UserId) -> StoreResult<()>;
}

/// What a user is offered for inviting others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The user's own link.
    pub link: String,
    /// For the inviter, and as many for the invited user.
    pub credits: Amount,
    /// Most invited users that the inviter is rewarded for.
    pub most: u32,
}

impl Payments {
    /// What a user is offered for inviting others; `None`: nothing.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn invitation(&self, user: UserId) -> AppResult<Option<Invitation>> {
        let catalog = self.shop.now();
        let Some(referral) = catalog.offers.referral(self.database.now()).filter(|_| self.is_open()) else {
            return Ok(None);
        };
        // Pages ask each time they are loaded, and a code is made once.
        let code = match self.referrals.find_code(user).await? {
            Some(code) => code,
            None => self.referrals.code_of(user, new_code()).await?,
        };
        let (link, gift) = (self.link_of(&code)?, &referral.gift);
        Ok(Some(Invitation { link, credits: gift.credits, most: referral.most }))
    }

    /// The link with a code.
    pub(super) fn link_of(&self, code: &str) -> AppResult<String> {
        let path = query::address("/buy-credits", &[("invited", code)]);
        Ok(self.site.address_of(&path).ok_or(AppError::Internal)?.into())
    }

    /// The reward that an invited user will get with their first purchase; `None`: nothing, or they were not invited.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn reward_waiting(&self, user: UserId) -> AppResult<Option<Amount>> {
        let catalog = self.shop.now();
        let Some(referral) = catalog.offers.referral(self.database.now()) else { return Ok(None) };
        let is_invited = self.referrals.inviter_of(user).await?.is_some();
        Ok(is_invited.then_some(referral.gift.credits))
    }

    /// Notes the inviter of a user, by the code of the link. The same again changes nothing.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `invited` for an unknown code; [`AppError::Conflict`] for the user's own code, for that of a
    /// user who signed up later, and after a purchase; [`AppError::RateLimited`], so that codes cannot be guessed.
    pub async fn accept_invitation(&self, user: UserId, code: &str) -> AppResult<()> {
        self.limiter.check(Limit::Redeem, &user.to_string()).await?;
        let inviter = self.check_invitation(user, code).await?;
        self.referrals.set_inviter(user, inviter).await?;
        self.reward_waiting_orders(user).await
    }

    /// Who brings a user by the code of their link.
    ///
    /// # Errors
    /// As [`Payments::accept_invitation`], but that nothing is counted.
    pub(super) async fn check_invitation(&self, user: UserId, code: &str) -> AppResult<UserId> {
        let unknown = || AppError::invalid("invited", t(Text::InvitationUnknown));
        if self.shop.now().offers.referral(self.database.now()).is_none() {
            return Err(unknown());
        }
        let code = code.trim().to_uppercase();
        let known = if code.len() <= MOST_CHARS { self.referrals.user_of(&code).await? } else { None };
        let inviter = known.ok_or_else(unknown)?;
        // Ids are in the order of sign-up: an inviter signed up before, so no two users invite each other.
        if inviter >= user {
            return Err(AppError::Conflict(t(Text::InvitationForNewcomers).to_owned()));
        }
        if self.has_bought(user).await? {
            return Err(AppError::Conflict(t(Text::InvitationTooLate).to_owned()));
        }
        Ok(inviter)
    }
}
