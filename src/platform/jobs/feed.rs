//! The port to what jobs in other processes publish.

use std::sync::Arc;

use futures::stream::BoxStream;

use super::JobEvent;
use crate::platform::ids::WorkId;

/// Where jobs put their events for watchers on other servers. It may lose events, and nothing depends on it: what a
/// job comes to is in the feature's store, and the positions of events tell what is missing.
pub trait JobFeed: Send + Sync {
    /// Puts an event there, some time soon or not at all. Does not wait.
    fn publish(&self, job: WorkId, event: Arc<JobEvent>);

    /// The events of a job from its first one, as they come, up to and with the one at [`super::Position::End`]. For
    /// a job that nobody knows, or that says no more, it waits for ever.
    fn read(&self, job: WorkId) -> BoxStream<'static, JobEvent>;
}
