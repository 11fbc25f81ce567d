//! Looking into the ledger of all: the entries that numbers of credits are made of.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use uuid::Uuid;

use super::audit::times_of;
use super::{Admin, Authority};
use crate::credits::{EntryKind, Page};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::UserId;
use crate::platform::time::DAY;
use crate::platform::work_kind::WorkKind;
use crate::stats::store::{EntryFilter, ListedEntry};

/// Entries of a page.
const ENTRIES_PAGE: usize = 50;

/// Which entries.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct LedgerQuery {
    /// At this time (RFC 3339) or on this day (UTC), or later; a day ago where it is not there.
    pub from: String,
    /// Before this time, or on this day or earlier.
    pub until: String,
    /// The stored name of a kind.
    pub kind: String,
    /// Of settlements: `chat` or `image`.
    pub work: String,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// Entries, and the addresses of their users by id.
#[derive(Default)]
pub struct LedgerPage {
    pub entries: Page<ListedEntry>,
    pub names: BTreeMap<String, String>,
}

impl Admin {
    /// A page of the ledger of all, newest first.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub async fn list_ledger(&self, _: Authority, query: &LedgerQuery) -> AppResult<LedgerPage> {
        let before = query.cursor.as_deref().map(read_place).transpose()?;
        let now = self.database.now();
        let (from, until) = times_of(&query.from, &query.until)?;
        let kind = known("kind", &query.kind, EntryKind::parse)?;
        let work = known("work", &query.work, WorkKind::parse)?;
        let filter = EntryFilter { from: from.unwrap_or(now - DAY), until: until.unwrap_or(now + DAY), kind, work };
        let mut found = self.stats.entries(filter, before, ENTRIES_PAGE + 1).await?;
        let is_last = found.len() <= ENTRIES_PAGE;
        found.truncate(ENTRIES_PAGE);
        let next_cursor = found.last().filter(|_| !is_last).map(|last| format!("{}.{}", last.entry.at, last.entry.id));
        let owners: BTreeSet<UserId> = found.iter().map(|listed| listed.entry.owner.into()).collect();
        let names = self.names_of(owners.into_iter().collect()).await?.into_iter().collect();
        Ok(LedgerPage { entries: Page { items: found, next_cursor }, names })
    }
}

/// What a field names; nothing where it is empty.
fn known<T>(field: &str, name: &str, parse: fn(&str) -> Option<T>) -> AppResult<Option<T>> {
    match name {
        "" => Ok(None),
        name => {
            let found = parse(name);
            found.map(Some).ok_or_else(|| AppError::invalid(field, format!("There is no such {field}.")))
        }
    }
}

fn read_place(cursor: &str) -> AppResult<(i64, Uuid)> {
    let place = || {
        let (at, id) = cursor.split_once('.')?;
        Some((at.parse().ok()?, id.parse().ok()?))
    };
    place().ok_or_else(|| AppError::invalid("cursor", "This cursor is not valid."))
}
