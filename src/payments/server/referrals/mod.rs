//! Who brought whom. A link has a code of its user; whoever opens it and agrees is theirs for good. What both are given for it comes
//! with the first purchase (`payments/server/extras.rs`).

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

/// The port to codes of users, and to who brought them.
#[async_trait]
pub trait ReferralStore: Send + Sync {
    /// The code of a user, if they have one.
    async fn find_code(&self, user: UserId) -> StoreResult<Option<String>>;

    /// The code of a user: `new`, unless they have one.
    async fn code_of(&self, user: UserId, new: String) -> StoreResult<String>;

    /// Whose code it is.
    async fn user_of(&self, code: &str) -> StoreResult<Option<UserId>>;

    /// Notes who brought a user. Who was noted first stays.
    async fn set_inviter(&self, user: UserId, inviter: UserId) -> StoreResult<()>;

    async fn inviter_of(&self, user: UserId) -> StoreResult<Option<UserId>>;

    /// Forgets a user's code, who brought them, and whom they brought.
    async fn forget(&self, user: UserId) -> StoreResult<()>;
}

/// What somebody is offered for bringing others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The user's own link.
    pub link: String,
    /// For each of both.
    pub credits: Amount,
    pub most: u32,
}

impl Payments {
    /// What a user is offered for bringing others; `None`: nothing.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn invitation(&self, user: UserId) -> AppResult<Option<Invitation>> {
        let catalog = self.shop.now();
        let Some(referral) = catalog.offers.referral(self.database.now()).filter(|_| self.is_open()) else {
            return Ok(None);
        };
        // Pages ask at every look, and a code is made once.
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

    /// What comes with the first purchase, which is still to come, of a user whom somebody brought; `None`: nothing.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn reward_waiting(&self, user: UserId) -> AppResult<Option<Amount>> {
        let catalog = self.shop.now();
        let Some(referral) = catalog.offers.referral(self.database.now()) else { return Ok(None) };
        let is_brought = self.referrals.inviter_of(user).await?.is_some();
        Ok(is_brought.then_some(referral.gift.credits))
    }

    /// Notes who brought a user, by the code of their link. The same again changes nothing.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `invited` for a code that is nobody's; [`AppError::Conflict`] where nothing comes of it: for
    /// oneself, for who was here before, after a purchase; [`AppError::RateLimited`], as guessing must not pay.
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
        // Ids are in the order of sign-up: nobody is brought by who came later, so no two reward each other.
        if inviter >= user {
            return Err(AppError::Conflict(t(Text::InvitationForNewcomers).to_owned()));
        }
        if self.has_bought(user).await? {
            return Err(AppError::Conflict(t(Text::InvitationTooLate).to_owned()));
        }
        Ok(inviter)
    }
}
