//! The port to papers, and to what buyers want on theirs.

mod mongo;
mod sqlite;

use async_trait::async_trait;
pub use mongo::MongoPaperStore;
pub use sqlite::SqlitePaperStore;

use super::paper::{Buyer, NewPaper, Paper, PaperKind, PaperNumber};
use crate::credits::Page;
use crate::platform::db::StoreResult;
use crate::platform::ids::UserId;

/// Papers, which stay as they are and are never deleted.
#[async_trait]
pub trait PaperStore: Send + Sync {
    /// Stores a paper under the next number of its kind and year, in one step with the number: however many are made at once,
    /// and whoever dies meanwhile, there is no gap. What is there of the same kind and subject is returned instead.
    async fn issue(&self, paper: NewPaper) -> StoreResult<Paper>;
    async fn find(&self, number: PaperNumber) -> StoreResult<Option<Paper>>;
    /// That of a subject.
    async fn find_of(&self, kind: PaperKind, subject: &str) -> StoreResult<Option<Paper>>;
    /// A page of those of a user, newest first; `None` for a cursor that was never given out.
    async fn list(&self, user: UserId, cursor: Option<&str>, limit: usize) -> StoreResult<Option<Page<Paper>>>;
    /// Those of a kind and year with a higher number than `after`, in their order.
    async fn of_year(&self, kind: PaperKind, year: i16, after: u32, limit: usize) -> StoreResult<Vec<Paper>>;
    /// What a user wants on papers.
    async fn buyer(&self, user: UserId) -> StoreResult<Option<Buyer>>;
    async fn set_buyer(&self, user: UserId, buyer: Buyer) -> StoreResult<()>;
    /// Forgets it. What stands on papers stays.
    async fn delete_buyer(&self, user: UserId) -> StoreResult<()>;
}

/// A page of what was read with one more than `limit`.
fn page_of(mut papers: Vec<Paper>, limit: usize) -> Page<Paper> {
    let has_more = papers.len() > limit;
    papers.truncate(limit);
    let next_cursor = papers.last().filter(|_| has_more).map(|last| last.id.to_string());
    Page { items: papers, next_cursor }
}
