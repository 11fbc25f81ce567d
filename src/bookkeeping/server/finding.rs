//! What a reconciliation finds, and how it is mended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::i18n::Text;
use crate::platform::ids::{ImageId, UserId};

/// Findings that a run keeps; the others are only counted.
pub const MOST_FINDINGS: usize = 200;

/// What does not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// An account, its ledger, its lots and its holds.
    Account,
    /// The purchases in the ledger of an account, and the payments of its user.
    Purchases,
    /// A capture whose credits are not in the ledger.
    Capture,
    /// A number that no paper has.
    PaperNumber,
    /// A hold whose work is dead.
    StuckHold,
    /// A file that no image knows.
    OrphanFile,
    /// An image whose file is gone.
    MissingFile,
    /// A close that is not what it was.
    Close,
}

impl DriftKind {
    pub const ALL: [Self; 8] = [
        Self::Account,
        Self::Purchases,
        Self::Capture,
        Self::PaperNumber,
        Self::StuckHold,
        Self::OrphanFile,
        Self::MissingFile,
        Self::Close,
    ];

    /// The stored and shown name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Purchases => "purchases",
            Self::Capture => "capture",
            Self::PaperNumber => "paper_number",
            Self::StuckHold => "stuck_hold",
            Self::OrphanFile => "orphan_file",
            Self::MissingFile => "missing_file",
            Self::Close => "close",
        }
    }

    /// What it is, for people.
    #[must_use]
    pub const fn text(self) -> Text {
        match self {
            Self::Account => Text::DriftAccount,
            Self::Purchases => Text::DriftPurchases,
            Self::Capture => Text::DriftCapture,
            Self::PaperNumber => Text::DriftPaperNumber,
            Self::StuckHold => Text::DriftStuckHold,
            Self::OrphanFile => Text::DriftOrphanFile,
            Self::MissingFile => Text::DriftMissingFile,
            Self::Close => Text::DriftClose,
        }
    }

    /// How it is mended, for people.
    #[must_use]
    pub const fn remedy(self) -> Text {
        match self {
            Self::Account => Text::MendAccount,
            Self::Purchases => Text::MendPurchases,
            Self::Capture => Text::MendCapture,
            Self::PaperNumber => Text::MendPaperNumber,
            Self::StuckHold => Text::MendStuckHold,
            Self::OrphanFile => Text::MendOrphanFile,
            Self::MissingFile => Text::MendMissingFile,
            Self::Close => Text::MendClose,
        }
    }

    /// The command that tells more of it.
    #[must_use]
    pub const fn command(self) -> &'static str {
        match self {
            Self::Account | Self::Close => "tessera audit",
            Self::Purchases | Self::Capture => "tessera check",
            Self::PaperNumber => "tessera papers",
            Self::StuckHold => "tessera health",
            Self::OrphanFile | Self::MissingFile => "tessera check --storage",
        }
    }
}

/// Something that does not agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub kind: DriftKind,
    /// The id or the number of what it is about.
    pub subject: String,
    /// Whose it is, if it is somebody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>, nullable = false)]
    pub user: Option<UserId>,
    /// What each place says, by its name.
    pub numbers: BTreeMap<String, String>,
}

impl Finding {
    #[must_use]
    pub fn new(kind: DriftKind, subject: impl ToString, user: Option<UserId>) -> Self {
        Self { kind, subject: subject.to_string(), user, numbers: BTreeMap::new() }
    }

    /// With what a place says.
    #[must_use]
    pub fn with(mut self, name: &str, number: impl ToString) -> Self {
        self.numbers.insert(name.to_owned(), number.to_string());
        self
    }
}

/// What was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunCounts {
    pub accounts: u64,
    pub entries: u64,
    pub payments: u64,
    pub papers: u64,
    pub open_holds: u64,
    /// Files in storage; absent where it cannot list them, or did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub files: Option<u64>,
    /// Images whose files were looked for.
    pub images: u64,
}

/// One check of everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// RFC 3339, UTC.
    pub began_at: String,
    pub ended_at: String,
    pub counts: RunCounts,
    /// How much does not agree, by kind; kinds without anything are absent.
    pub drifts: BTreeMap<String, u64>,
    /// At most 200.
    pub findings: Vec<Finding>,
    /// Where the next run goes on with looking for files; absent: at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>, nullable = false)]
    pub images_until: Option<ImageId>,
}

impl Run {
    /// How much of a kind does not agree.
    #[must_use]
    pub fn drift(&self, kind: DriftKind) -> u64 {
        self.drifts.get(kind.as_str()).copied().unwrap_or_default()
    }

    /// How much does not agree at all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.drifts.values().sum()
    }

    pub(super) fn find(&mut self, finding: Finding) {
        *self.drifts.entry(finding.kind.as_str().to_owned()).or_default() += 1;
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        }
    }
}
