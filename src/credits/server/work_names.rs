//! What people call the work that credits were spent on. The features that do it know, and the roof says who they are.

use std::collections::HashMap;

use async_trait::async_trait;

use crate::platform::db::StoreResult;
use crate::platform::ids::{UserId, WorkId};
use crate::platform::work_kind::WorkKind;

/// A piece of work, as people find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkName {
    pub name: String,
    /// Where it is shown.
    pub href: String,
}

/// Names work.
#[async_trait]
pub trait WorkNames: Send + Sync {
    /// The names of a user's work; of what is shown nowhere there is none.
    async fn names(&self, user: UserId, work: Vec<(WorkKind, WorkId)>) -> StoreResult<HashMap<WorkId, WorkName>>;
}
