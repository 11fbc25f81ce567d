//! Entries of the ledger: their kinds, and why they were written.

use serde::{Deserialize, Serialize};

use super::LotShare;
use crate::i18n::{Text, t};
use crate::platform::amount::Amount;
use crate::platform::work_kind::WorkKind;

/// Why a ledger entry was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    Grant,
    Hold,
    /// More was put aside for work that had begun.
    Extend,
    Settle,
    Release,
    Purchase,
    Refund,
    /// Their time was over.
    Expire,
    Adjust,
}

impl EntryKind {
    pub const ALL: [Self; 9] = [
        Self::Grant,
        Self::Hold,
        Self::Extend,
        Self::Settle,
        Self::Release,
        Self::Purchase,
        Self::Refund,
        Self::Expire,
        Self::Adjust,
    ];

    /// The stored and shown name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Hold => "hold",
            Self::Extend => "extend",
            Self::Settle => "settle",
            Self::Release => "release",
            Self::Purchase => "purchase",
            Self::Refund => "refund",
            Self::Expire => "expire",
            Self::Adjust => "adjust",
        }
    }

    /// The kind of a stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// For people; a settlement is called by what it paid for.
    #[must_use]
    pub const fn text(self, work: Option<WorkKind>) -> Text {
        match (self, work) {
            (Self::Grant, _) => Text::EntryGrant,
            (Self::Hold, _) => Text::EntryHold,
            (Self::Extend, _) => Text::EntryExtend,
            (Self::Settle, Some(work)) => work.text(),
            (Self::Settle, None) => Text::EntrySettle,
            (Self::Release, _) => Text::EntryRelease,
            (Self::Purchase, _) => Text::EntryPurchase,
            (Self::Refund, _) => Text::EntryRefund,
            (Self::Expire, _) => Text::EntryExpire,
            (Self::Adjust, _) => Text::EntryAdjust,
        }
    }
}

/// Why a hold was given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseReason {
    /// The user stopped it before there was anything to show.
    Stopped,
    Failed,
    /// There is a part of it, which is free.
    Incomplete,
    /// Its server was killed, or lost sight of it.
    Interrupted,
    /// It was held for, and could not begin.
    NeverStarted,
    /// The user deleted it before it was whole.
    Deleted,
    /// The connection that it was made for was gone.
    Undelivered,
}

impl ReleaseReason {
    pub const ALL: [Self; 7] = [
        Self::Stopped,
        Self::Failed,
        Self::Incomplete,
        Self::Interrupted,
        Self::NeverStarted,
        Self::Deleted,
        Self::Undelivered,
    ];

    /// The stored name, which programs read too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
            Self::Interrupted => "interrupted",
            Self::NeverStarted => "never_started",
            Self::Deleted => "deleted",
            Self::Undelivered => "undelivered",
        }
    }

    /// Whether the same request may begin anew: it failed, and not because its user wanted that.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Stopped | Self::Deleted)
    }

    /// The reason of a stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// Whether something may have been published of work that was given back for this reason. What the user ends after
    /// that stays paid for.
    #[must_use]
    pub const fn excuses_published(self) -> bool {
        match self {
            Self::Incomplete | Self::Interrupted => true,
            Self::Stopped | Self::Failed | Self::NeverStarted | Self::Deleted | Self::Undelivered => false,
        }
    }

    /// For people.
    #[must_use]
    pub const fn text(self) -> Text {
        match self {
            Self::Stopped => Text::ReasonStopped,
            Self::Failed => Text::ReasonFailed,
            Self::Incomplete => Text::ReasonIncomplete,
            Self::Interrupted => Text::ReasonInterrupted,
            Self::NeverStarted => Text::ReasonNeverStarted,
            Self::Deleted => Text::ReasonDeleted,
            Self::Undelivered => Text::ReasonUndelivered,
        }
    }
}

/// Why bought credits went back, or came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundReason {
    /// The seller, or somebody at the bank, gave the money back.
    Refunded,
    /// They are frozen for as long as the payment is disputed.
    Disputed,
    /// They are back: the seller was right.
    DisputeOver,
    /// They are back: their money was not paid out.
    RefundFailed,
    /// The buyer wanted so.
    GivenBack,
}

impl RefundReason {
    pub const ALL: [Self; 5] = [Self::Refunded, Self::Disputed, Self::DisputeOver, Self::RefundFailed, Self::GivenBack];

    /// The stored name, which programs read too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refunded => "refunded",
            Self::Disputed => "disputed",
            Self::DisputeOver => "dispute_over",
            Self::RefundFailed => "refund_failed",
            Self::GivenBack => "given_back",
        }
    }

    /// For people.
    #[must_use]
    pub const fn text(self) -> Text {
        match self {
            Self::Refunded => Text::ReasonRefunded,
            Self::Disputed => Text::ReasonDisputed,
            Self::DisputeOver => Text::ReasonDisputeOver,
            Self::RefundFailed => Text::ReasonRefundFailed,
            Self::GivenBack => Text::ReasonGivenBack,
        }
    }
}

/// Why an entry was written, where its kind does not say it all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryReason {
    /// The credits that every new account gets.
    Welcome,
    Released(ReleaseReason),
    Refunded(RefundReason),
    /// What somebody wrote.
    Other(String),
}

impl EntryReason {
    /// The reason of an entry of this kind, by its stored name.
    #[must_use]
    pub fn parse(kind: EntryKind, name: &str) -> Self {
        let known = match kind {
            EntryKind::Grant => (name == Self::Welcome.as_str()).then_some(Self::Welcome),
            EntryKind::Release => ReleaseReason::parse(name).map(Self::Released),
            EntryKind::Refund => {
                RefundReason::ALL.into_iter().find(|reason| reason.as_str() == name).map(Self::Refunded)
            }
            _ => None,
        };
        known.unwrap_or_else(|| Self::Other(name.to_owned()))
    }

    /// The stored name, which programs read too.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        match self {
            Self::Welcome => "welcome",
            Self::Released(reason) => reason.as_str(),
            Self::Refunded(reason) => reason.as_str(),
            Self::Other(text) => text.as_str(),
        }
    }

    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Welcome => t(Text::ReasonWelcome).to_owned(),
            Self::Released(reason) => t(reason.text()).to_owned(),
            Self::Refunded(reason) => t(reason.text()).to_owned(),
            Self::Other(text) => text.clone(),
        }
    }
}

/// One line of the append-only ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    /// `UUIDv7`.
    pub id: String,
    pub kind: EntryKind,
    /// What the account is worth more (or less) by this entry. A hold, its extension or a release only moves credits
    /// between available and held, so theirs is 0.
    pub amount: Amount,
    /// By how much this entry changed what is held.
    pub held_change: Amount,
    pub available_after: Amount,
    pub request_id: String,
    /// What a hold was for, with its own entry and with that of its end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub work: Option<WorkKind>,
    /// Which: the id of the reply or, of an image, its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub work_id: Option<String>,
    /// A code (`welcome`; `stopped`, `failed`, `incomplete`, `interrupted`, `never_started`, `deleted`,
    /// `undelivered`; `refunded`, `disputed`, `dispute_over`, `refund_failed`, `given_back`), or what somebody wrote.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The version of the price of a settlement.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub price_version: Option<String>,
    /// The lots that the credits came to, or went from.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub lots: Vec<LotShare>,
    /// RFC 3339, UTC.
    pub created_at: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_read_back_and_has_a_text() {
        for reason in ReleaseReason::ALL {
            let read = EntryReason::parse(EntryKind::Release, reason.as_str());
            assert_eq!(read, EntryReason::Released(reason));
            assert_ne!(read.to_text(), reason.as_str());
        }
        assert_eq!(EntryReason::parse(EntryKind::Grant, "welcome"), EntryReason::Welcome);
        for kind in WorkKind::ALL {
            assert_eq!(WorkKind::parse(kind.as_str()), Some(kind));
        }
    }

    #[test]
    fn what_somebody_wrote_stays_as_it_is() {
        for (kind, text) in
            [(EntryKind::Adjust, "failed"), (EntryKind::Grant, "stopped"), (EntryKind::Release, "Why not")]
        {
            let reason = EntryReason::parse(kind, text);
            assert_eq!((reason.as_str(), reason.to_text().as_str()), (text, text));
        }
    }
}
