//! What is a user's of credits, to take along and erased. The ledger stays as it is: it names its owner by an id alone.

use super::Credits;
use super::service::{CSV_HEADER, csv_line};
use super::store::{LotTerms, NewPosting, PostingKind, PostingOutcome};
use crate::credits::Origin;
use crate::platform::amount::Amount;
use crate::platform::archive::{Archive, Packing};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::{EntryId, UserId};

/// Entries that are read at a time.
const AT_A_TIME: usize = 500;
/// How often it is begun anew where the balance has changed meanwhile.
const TRIES: u32 = 20;
/// Why what was left of an account was taken, in the ledger.
pub const ERASED: &str = "account_erased";

impl Credits {
    /// Writes the balance and the whole ledger.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], and those of the archive.
    pub async fn export(&self, user: UserId, archive: &mut Archive) -> AppResult<()> {
        archive.add_json("credits.json", &self.load_credits(user).await?).await?;
        archive.add("ledger.csv", Packing::Text, CSV_HEADER).await?;
        let mut cursor = None;
        loop {
            let page = self.load_ledger(user, cursor.as_deref(), AT_A_TIME).await?;
            archive.write(page.items.iter().map(csv_line).collect::<String>()).await?;
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// What is left of credits that a user has paid for.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn paid_left(&self, user: UserId) -> AppResult<Amount> {
        let account = self.store.account(user.into(), &current_request_id()).await?;
        let paid = account.lots.as_slice().iter().filter(|lot| matches!(lot.origin, Origin::Bought | Origin::Plan));
        Ok(paid.map(|lot| lot.left).sum())
    }

    /// Takes what is left, so that nothing can begin any more that is paid for, and forgets what the user wrote and chose.
    ///
    /// # Errors
    /// [`AppError::Unavailable`]; what is left is found again.
    pub async fn erase(&self, user: UserId) -> AppResult<()> {
        self.forfeit(user).await?;
        Ok(self.store.forget_owner(user.into(), user).await?)
    }

    async fn forfeit(&self, user: UserId) -> AppResult<()> {
        for _ in 0..TRIES {
            let available = self.store.balance(user.into(), &current_request_id()).await?.available;
            if !available.is_positive() {
                return Ok(());
            }
            let posting = NewPosting {
                owner: user.into(),
                kind: PostingKind::Adjust,
                amount: -available,
                // Whether one before was posted, the balance says.
                key: format!("erased:{}", EntryId::now_v7()),
                request_id: current_request_id(),
                reason: Some(ERASED.to_owned()),
                terms: LotTerms::default(),
            };
            if let PostingOutcome::Posted(_) = self.store.post(posting).await? {
                tracing::info!(%user, credits = %available.as_entry(), "what was left of an account was forfeited");
            }
        }
        Err(AppError::Unavailable)
    }
}
