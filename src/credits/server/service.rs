//! What one can ask about credits. Holding and charging happens where the work is (`generation/hold.rs`).

use std::collections::HashMap;

use super::codes::view::{Redeeming, redeem_html};
use super::lots::{AccountState, Lot};
use super::lots_view::lots_html;
use super::store::{HoldId, LotTerms, NewPosting, PostingKind, PostingOutcome, Statement};
use super::{Credits, WorkName};
use crate::credits::{self, Activity, Balance, Dashboard, EntryKind, LedgerEntry, LotShare, Origin, Page, PlanState};
use crate::platform::amount::Amount;
use crate::platform::csv::csv_text;
use crate::platform::db::StoreResult;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::{UserId, WorkId};

/// Entries of a ledger page where nothing else is asked for.
pub const LEDGER_PAGE: usize = 25;

impl Credits {
    /// Balance and plan of a user; opens the account if this is the first that is heard of it.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] when the store cannot be reached.
    pub async fn load_credits(&self, user: UserId) -> AppResult<credits::Credits> {
        let request_id = current_request_id();
        let account = async { Ok(self.store.account(user.into(), &request_id).await?) };
        let (account, subscription) = tokio::try_join!(account, self.purchases.plan(user))?;
        Ok(credits_of(&account, subscription)?)
    }

    /// A page of the ledger, newest first.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] for a cursor that this server never gave out.
    pub async fn load_ledger(&self, user: UserId, cursor: Option<&str>, limit: usize) -> AppResult<Page<LedgerEntry>> {
        self.store.ledger(user.into(), cursor, limit).await?.ok_or_else(wrong_cursor)
    }

    /// Gives what some work was charged back to who paid for it, once, for a reason that they read. Whether this did so, and how much
    /// it is.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where nothing was charged for it.
    pub async fn give_goodwill(&self, work: HoldId, reason: &str) -> AppResult<(bool, Amount)> {
        let charged = self.store.find_settlement(work).await?.map(|entry| -entry.amount);
        let amount = charged.filter(|amount| amount.is_positive()).ok_or(AppError::NotFound)?;
        let posting = NewPosting {
            owner: work.owner,
            kind: PostingKind::Grant,
            amount,
            key: format!("goodwill:{}", work.id),
            request_id: current_request_id(),
            reason: Some(reason.to_owned()),
            terms: LotTerms { origin: Some(Origin::Goodwill), ..LotTerms::default() },
        };
        Ok((matches!(self.store.post(posting).await?, PostingOutcome::Posted(_)), amount))
    }

    /// Everything the dashboard shows.
    ///
    /// # Errors
    /// As [`Credits::load_credits`] and [`Credits::load_ledger`].
    pub async fn load_dashboard(
        &self,
        user: UserId,
        cursor: Option<&str>,
        redeeming: Redeeming,
    ) -> AppResult<Dashboard> {
        let ((lines, known, state, next_cursor), (section, subscription)) =
            tokio::try_join!(self.load_activity(user, cursor), self.purchases.section(user))?;
        let name = |entry: LedgerEntry| {
            let named = work_id(&entry).and_then(|id| known.get(&id).cloned());
            let (name, href) = named.map_or_else(Default::default, |WorkName { name, href }| (name, href));
            let origin = entry.lots.first().filter(|_| entry.kind == EntryKind::Grant).map(|lot| lot.origin);
            Activity { entry, name, href, origin }
        };
        let items = lines.into_iter().map(name).collect();
        let credits = credits_of(&state, subscription)?;
        let lots = lots_html(credits.lots.clone()) + &section + &redeem_html(redeeming);
        Ok(Dashboard { credits, lots, activity: Page { items, next_cursor } })
    }

    /// The lines of a page of the ledger, what their work is called, the account, and where the next page begins.
    async fn load_activity(&self, user: UserId, cursor: Option<&str>) -> AppResult<ShownActivity> {
        let statement = self.store.statement(user.into(), &current_request_id(), cursor, 2 * LEDGER_PAGE).await?;
        let Statement { state, open, entries } = statement.ok_or_else(wrong_cursor)?;
        let open: Vec<_> = open.iter().map(ToString::to_string).collect();
        let lines = lines_of(entries.items, &open);
        let work = lines.iter().filter_map(|line| Some((line.work?, work_id(line)?))).collect();
        let known = self.names.names(user, work).await?;
        Ok((lines, known, state, entries.next_cursor))
    }
}

type ShownActivity = (Vec<LedgerEntry>, HashMap<WorkId, WorkName>, AccountState, Option<String>);

fn wrong_cursor() -> AppError {
    AppError::invalid("cursor", "This cursor is not valid.")
}

/// What one sees of an account.
fn credits_of(account: &AccountState, subscription: Option<PlanState>) -> StoreResult<credits::Credits> {
    let Balance { available, held, debt } = account.balance;
    let lots = account.lots.as_slice().iter().map(Lot::shown).collect::<StoreResult<_>>()?;
    let plan = subscription.as_ref().map_or_else(|| "free".to_owned(), |plan| plan.name.clone());
    Ok(credits::Credits { available, held, debt, plan, subscription, lots })
}

fn work_id(entry: &LedgerEntry) -> Option<WorkId> {
    entry.work_id.as_deref()?.parse().ok()
}

/// One entry for each piece of work: that of its hold while that is open, and then that of its end.
fn lines_of(mut entries: Vec<LedgerEntry>, open: &[String]) -> Vec<LedgerEntry> {
    let begins = |entry: &LedgerEntry| matches!(entry.kind, EntryKind::Hold | EntryKind::Extend);
    let has_ended = |entry: &LedgerEntry| entry.work_id.is_some() && !begins(entry);
    let ended: Vec<_> = entries.iter().filter(|entry| has_ended(entry)).map(|entry| entry.work_id.clone()).collect();
    entries.retain(|entry| {
        let is_open = entry.work_id.as_ref().is_some_and(|id| open.contains(id));
        // Of an extension its hold says that it is open.
        !begins(entry) || (entry.kind == EntryKind::Hold && is_open && !ended.contains(&entry.work_id))
    });
    entries
}

/// The first line of the ledger as CSV.
pub const CSV_HEADER: &str =
    "id,kind,amount,heldChange,availableAfter,requestId,reason,createdAt,workId,priceVersion,lots\r\n";

/// One entry as a line of CSV (RFC 4180).
#[must_use]
pub fn csv_line(entry: &LedgerEntry) -> String {
    let share = |share: &LotShare| format!("{} {} {}", share.origin.as_str(), share.amount, share.id);
    let shares = entry.lots.iter().map(share).collect::<Vec<_>>().join("; ");
    format!(
        "{},{},{},{},{},{},{},{},{},{},{}\r\n",
        entry.id,
        entry.kind.as_str(),
        entry.amount,
        entry.held_change,
        entry.available_after,
        csv_text(&entry.request_id),
        csv_text(entry.reason.as_deref().unwrap_or_default()),
        entry.created_at,
        entry.work_id.as_deref().unwrap_or_default(),
        csv_text(entry.price_version.as_deref().unwrap_or_default()),
        csv_text(&shares),
    )
}
