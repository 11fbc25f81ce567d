//! Watching work come to an end, and ending it: whatever runs here through its job, all else through the feed of jobs,
//! which may lose events or be gone, and the feature's store, which decides when it is over.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};
use tokio::time::{sleep, timeout};

use super::Generation;
use crate::credits::server::store::HoldId;
use crate::platform::amount::Amount;
use crate::platform::db::patience_is_over;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{UserId, WorkId};
use crate::platform::jobs::{JobEvent, Position, StopReason};

/// How often a store is asked about work that another process does (or did, before it died).
pub const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Failed looks in a row that somebody waits out.
pub const MOST_FAILURES: u32 = 10;
/// How long to wait for another server to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(4);

/// What a store says of some work.
pub enum Look<T> {
    Running,
    Ended(T),
}

impl Generation {
    /// The events after `from` of work that runs here; `None` where it does not, or where all of them were seen.
    #[must_use]
    pub fn own_events(
        &self,
        user: UserId,
        id: impl Into<WorkId>,
        from: Option<Position>,
    ) -> Option<BoxStream<'static, Arc<JobEvent>>> {
        let job = self.jobs.get(id).filter(|job| job.user() == user && from != Some(Position::End))?;
        Some(job.watch().filter(move |event| ready(from.is_none_or(|from| event.position > from))).boxed())
    }

    /// Waits until some work has ended, wherever it is done. A store that does not answer is asked again, while the request
    /// has patience.
    ///
    /// # Errors
    /// Those of `look`; [`AppError::NotFound`] at once.
    pub async fn await_end<T, F, Fut>(&self, id: impl Into<WorkId>, look: F) -> AppResult<T>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = AppResult<Look<T>>>,
    {
        let id = id.into();
        if let Some(job) = self.jobs.get(id) {
            job.closed().await;
        }
        let mut ended = pin!(self.jobs.ended_elsewhere(id));
        let (mut was_told, mut failures) = (false, 0);
        loop {
            match look().await {
                Ok(Look::Ended(work)) => return Ok(work),
                Ok(Look::Running) => failures = 0,
                Err(AppError::NotFound) => return Err(AppError::NotFound),
                Err(error) => {
                    failures += 1;
                    if failures > MOST_FAILURES || patience_is_over() {
                        return Err(error);
                    }
                }
            }
            tokio::select! {
                () = &mut ended, if !was_told => was_told = true,
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Stops some work: at once where it runs here, else by `request`, which is heard by whichever server does it; then
    /// `ended` is awaited for a while.
    ///
    /// # Errors
    /// Those of `request`.
    pub async fn stop<T>(
        &self,
        id: impl Into<WorkId>,
        request: impl Future<Output = AppResult<bool>>,
        ended: impl Future<Output = T>,
    ) -> AppResult<()> {
        if let Some(job) = self.jobs.get(id) {
            job.stop(StopReason::User);
            job.closed().await;
        } else if request.await? {
            // Its server looks twice a second; were it dead, the sweeper would end it.
            _ = timeout(STOP_PATIENCE, ended).await;
        }
        Ok(())
    }

    /// As [`Generation::stop`], for work whose row is about to go: what was published of it stays paid for. Who does not hear is
    /// not waited for longer; then whoever ends the hold decides by what was published.
    ///
    /// # Errors
    /// Those of `request`.
    pub async fn stop_before_deletion<T>(
        &self,
        id: impl Into<WorkId>,
        request: impl Future<Output = AppResult<bool>>,
        ended: impl Future<Output = T>,
    ) -> AppResult<()> {
        timeout(STOP_PATIENCE, self.stop(id, request, ended)).await.unwrap_or(Ok(()))
    }

    /// Most that some work may cost: prices may have changed since. `None`: nothing was held for it.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn held_ceiling(&self, user: UserId, id: impl Into<WorkId>) -> AppResult<Option<Amount>> {
        Ok(self.credits.hold_ceiling(HoldId { id: id.into(), owner: user.into() }).await?)
    }

    /// Tells the jobs of what was deleted to end, as far as they run here.
    pub fn stop_deleted(&self, ids: impl IntoIterator<Item = impl Into<WorkId>>) {
        for job in ids.into_iter().filter_map(|id| self.jobs.get(id)) {
            job.stop(StopReason::User);
        }
    }
}
