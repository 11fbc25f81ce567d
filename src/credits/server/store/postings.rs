//! Postings: credits that come to an account or leave it without work.

use uuid::Uuid;

use crate::credits::server::lots::{AccountState, Lot, LotShare, Paid};
use crate::credits::{Balance, EntryKind, Origin};
use crate::platform::amount::Amount;
use crate::platform::ids::{EntryId, LotId, OwnerId};

/// Why credits come or go without work: everything but holds and how they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostingKind {
    Grant,
    Purchase,
    Refund,
    Adjust,
}

impl PostingKind {
    #[must_use]
    pub const fn entry_kind(self) -> EntryKind {
        match self {
            Self::Grant => EntryKind::Grant,
            Self::Purchase => EntryKind::Purchase,
            Self::Refund => EntryKind::Refund,
            Self::Adjust => EntryKind::Adjust,
        }
    }
}

/// Credits that come to an account or leave it.
#[derive(Debug, Clone)]
pub struct NewPosting {
    pub owner: OwnerId,
    pub kind: PostingKind,
    /// Not 0. What comes pays debt first. A refund takes what is available and the rest becomes debt; an adjustment
    /// takes no more than what is available.
    pub amount: Amount,
    /// Names the reason once and for all, per owner and kind: the same again changes nothing.
    pub key: String,
    pub request_id: String,
    pub reason: Option<String>,
    pub terms: LotTerms,
}

/// What is known of credits besides their number.
#[derive(Debug, Clone, Default)]
pub struct LotTerms {
    /// Where they come from. `None`: what is usual for the kind of the posting.
    pub origin: Option<Origin>,
    pub paid: Option<Paid>,
    /// In milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// Of a refund that takes: the lot that is given back. Of what comes: the lot that it is, or comes back to; `None`: a new
    /// one.
    pub lot: Option<LotId>,
    /// Of a refund that takes: only what is neither spent nor held of its lot, at most the amount, and perhaps nothing. It
    /// is posted all the same: the entry says how much it was.
    pub unspent_only: bool,
}

pub(super) fn posting_key(kind: PostingKind, key: &str, owner: OwnerId) -> String {
    format!("{}:{key}:{owner}", kind.entry_kind().as_str())
}

impl NewPosting {
    /// The key as the ledger has it.
    pub(super) fn entry_key(&self) -> String {
        posting_key(self.kind, &self.key, self.owner)
    }

    /// The id of its entry: that of the lot that comes with it.
    pub(super) fn entry_id(&self) -> EntryId {
        let lot = self.terms.lot.filter(|_| matches!(self.kind, PostingKind::Purchase | PostingKind::Grant));
        lot.map_or_else(EntryId::now_v7, |lot| Uuid::from(lot).into())
    }

    /// Moves the account along, by an entry with this id; how much it was, and the lots that the credits come to or go from.
    /// `None` where it would take more than there is: then nothing has changed.
    pub(super) fn apply(&self, account: &mut AccountState, entry: EntryId, at: i64) -> Option<(Amount, Vec<LotShare>)> {
        if self.amount.is_negative() {
            if let (PostingKind::Refund, Some(lot), true) = (self.kind, self.terms.lot, self.terms.unspent_only) {
                let shares = account.take_unspent(lot, -self.amount);
                return Some((-shares.iter().map(|share| share.amount).sum::<Amount>(), shares));
            }
            let refund_of = (self.kind == PostingKind::Refund).then_some(self.terms.lot);
            return Some((self.amount, account.remove(-self.amount, refund_of)?));
        }
        let LotTerms { origin, paid, expires_at, lot, .. } = self.terms.clone();
        let origin = origin.unwrap_or(match self.kind {
            PostingKind::Grant => Origin::Gift,
            PostingKind::Purchase | PostingKind::Refund => Origin::Bought,
            PostingKind::Adjust => Origin::Goodwill,
        });
        let id = lot.unwrap_or_else(|| entry.into());
        let lot = Lot { id, origin, amount: self.amount, left: self.amount, paid, expires_at, at };
        let share = lot.share();
        account.add(lot);
        Some((self.amount, vec![share]))
    }
}

/// The lot of the credits that every new account gets.
pub(super) fn welcome_lot(entry: EntryId, amount: Amount, at: i64) -> Lot {
    Lot { id: entry.into(), origin: Origin::Promo, amount, left: amount, paid: None, expires_at: None, at }
}

/// What came of a posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostingOutcome {
    Posted(Balance),
    /// It was posted before.
    Repeated(Balance),
    Insufficient {
        available: Amount,
    },
}
