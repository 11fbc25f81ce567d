//! What was done for a request, and what became of its money: steps as they were gathered, attempts as they were recorded, and the
//! entries of the ledger, which alone decide.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::goodwill::goodwill_key;
use super::{Admin, Authority};
use crate::credits::server::store::PostingKind;
use crate::credits::{EntryKind, LedgerEntry};
use crate::platform::amount::Amount;
use crate::platform::db::{StoreResult, rfc3339};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{OwnerId, UserId, WorkId};
use crate::platform::trace::TraceRecord;
use crate::platform::work_kind::WorkKind;
use crate::usage::Attempt;

/// Most entries of each user that are shown.
const MOST_ENTRIES: usize = 200;

/// All that is known of a request id.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TraceDetail {
    pub request_id: String,
    /// In the order in which they began. Clients may choose an id, so it may be that of several requests; what one server began
    /// and another ended has a trace of each.
    pub traces: Vec<TraceView>,
    /// Each time that a provider was asked.
    pub attempts: Vec<AttemptView>,
    /// What became of what was held, by the ledger.
    pub work: Vec<WorkMoney>,
    /// The entries of the ledger, oldest first.
    pub ledger: Vec<UserEntry>,
}

/// What was done for a request, as far as one server knows.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TraceView {
    /// `UUIDv7`.
    pub id: String,
    /// Method and route, or `recovery`.
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub user_id: Option<String>,
    /// When it began (RFC 3339, UTC).
    pub at: String,
    /// Of the response; absent: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status: Option<u16>,
    /// Until the response began, in milliseconds.
    pub took_ms: u32,
    pub steps: Vec<StepView>,
    /// Steps that were too many to be kept.
    pub cut: u32,
}

/// Something that was done.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepView {
    /// `caller`, `limit`, `cache`, `hold`, `extend`, `attempt`, `settle`, `release` or `payment`.
    pub kind: &'static str,
    /// When it began, in milliseconds after the request did.
    pub at_ms: u32,
    pub took_ms: u32,
    pub facts: BTreeMap<String, String>,
}

/// One time that a provider was asked.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptView {
    /// RFC 3339, UTC.
    pub at: String,
    pub user_id: String,
    pub work_id: String,
    pub provider: String,
    pub model: String,
    /// `ok`, `stopped`, `timeout`, `rate_limited`, `blocked`, `rejected`, `malformed`, `unavailable` or `cut`.
    pub outcome: &'static str,
    pub input_tokens: u32,
    pub output_tokens: u32,
    /// The provider did not say (all of) the numbers of tokens.
    pub estimated: bool,
    /// In millionths of a US dollar; absent: not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cost_micros: Option<i64>,
    pub latency_ms: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub first_token_ms: Option<u32>,
}

/// What became of the credits of some work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkMoney {
    /// The id of the reply or image, and of its hold.
    pub work_id: String,
    pub user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub kind: Option<WorkKind>,
    /// All that was ever held.
    pub held: Amount,
    pub charged: Amount,
    /// What was given back of what was held.
    pub released: Amount,
    /// What is still held.
    pub open: Amount,
    /// What was given back afterwards; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub goodwill: Option<Amount>,
}

/// An entry of a user's ledger.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserEntry {
    pub user_id: String,
    pub entry: LedgerEntry,
}

impl Admin {
    /// All that is known of a request id.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is nothing.
    pub async fn show_trace(&self, _: Authority, request_id: &str) -> AppResult<TraceDetail> {
        let (traces, attempts) =
            tokio::try_join!(self.traces.find(request_id), self.attempts.find_by_request(request_id))?;
        let users: BTreeSet<UserId> =
            traces.iter().filter_map(|trace| trace.user).chain(attempts.iter().map(|attempt| attempt.user)).collect();
        let (mut ledger, mut work) = (Vec::new(), Vec::new());
        for user in users {
            let entries = self.credits.entries_of_request(user.into(), request_id, MOST_ENTRIES).await?;
            for mut money in money_of(user, &entries) {
                money.goodwill = self.goodwill_of(user.into(), &money).await?;
                work.push(money);
            }
            ledger.extend(entries.into_iter().map(|entry| UserEntry { user_id: user.to_string(), entry }));
        }
        if traces.is_empty() && attempts.is_empty() {
            return Err(AppError::NotFound);
        }
        Ok(TraceDetail {
            request_id: request_id.to_owned(),
            traces: traces.into_iter().map(TraceView::of).collect::<StoreResult<_>>()?,
            attempts: attempts.into_iter().map(AttemptView::of).collect::<StoreResult<_>>()?,
            work,
            ledger,
        })
    }

    /// What was given back of some work afterwards.
    async fn goodwill_of(&self, owner: OwnerId, money: &WorkMoney) -> AppResult<Option<Amount>> {
        let Ok(work) = money.work_id.parse::<WorkId>() else { return Ok(None) };
        if !money.charged.is_positive() {
            return Ok(None);
        }
        let given = self.credits.find_posting(owner, PostingKind::Adjust, &goodwill_key(work)).await?;
        Ok(given.map(|entry| entry.amount))
    }
}

/// What became of the holds that these entries are of.
fn money_of(user: UserId, entries: &[LedgerEntry]) -> Vec<WorkMoney> {
    let mut all: Vec<WorkMoney> = Vec::new();
    for entry in entries {
        let Some(work_id) = &entry.work_id else { continue };
        let known = all.iter().position(|money| money.work_id == *work_id);
        // One whose beginning is not among them says nothing.
        let at = match (known, entry.kind) {
            (Some(at), _) => at,
            (None, EntryKind::Hold) => {
                all.push(WorkMoney {
                    work_id: work_id.clone(),
                    user_id: user.to_string(),
                    kind: entry.work,
                    held: Amount::ZERO,
                    charged: Amount::ZERO,
                    released: Amount::ZERO,
                    open: Amount::ZERO,
                    goodwill: None,
                });
                all.len() - 1
            }
            (None, _) => continue,
        };
        let money = &mut all[at];
        money.open += entry.held_change;
        match entry.kind {
            EntryKind::Hold | EntryKind::Extend => money.held += entry.held_change,
            EntryKind::Settle => {
                money.charged -= entry.amount;
                money.released += entry.amount - entry.held_change;
            }
            EntryKind::Release => money.released -= entry.held_change,
            _ => {}
        }
    }
    all
}

impl TraceView {
    fn of(trace: TraceRecord) -> StoreResult<Self> {
        Ok(Self {
            id: trace.id.to_string(),
            what: trace.what,
            user_id: trace.user.map(|user| user.to_string()),
            at: rfc3339(trace.at)?,
            status: trace.status,
            took_ms: trace.took,
            steps: trace
                .steps
                .into_iter()
                .map(|step| StepView {
                    kind: step.kind.as_str(),
                    at_ms: step.at,
                    took_ms: step.took,
                    facts: step.facts.into_iter().map(|fact| (fact.name.into_owned(), fact.value)).collect(),
                })
                .collect(),
            cut: trace.cut,
        })
    }
}

impl AttemptView {
    fn of(attempt: Attempt) -> StoreResult<Self> {
        Ok(Self {
            at: rfc3339(attempt.at)?,
            user_id: attempt.user.to_string(),
            work_id: attempt.reply.to_string(),
            provider: attempt.provider,
            model: attempt.model,
            outcome: attempt.outcome.as_str(),
            input_tokens: attempt.input_tokens,
            output_tokens: attempt.output_tokens,
            estimated: attempt.is_estimated,
            cost_micros: attempt.cost_micros,
            latency_ms: attempt.latency_ms,
            first_token_ms: attempt.first_token_ms,
        })
    }
}
