//! What becomes of work whose server died, and of work that a server is asked to stop.
//!
//! A lease is renewed every [`RENEW_EVERY`]; work that was not heard of for as long as a lease is dead, whichever process it
//! ran in. So every hold of a killed server is ended within a lease and [`SWEEP_EVERY`], by itself after its restart or by
//! any other. What the work was, and whether there is something to show, the features know: [`Recover`].

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::hold::LEASE;
use super::{Generation, ReleaseReason, Reserved};
use crate::credits::server::store::{HoldId, StaleHold, WorkKind};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::WorkId;
use crate::platform::jobs::StopReason;

/// How often running work says that it is alive.
pub const RENEW_EVERY: Duration = Duration::from_secs(8);
/// How often dead work is looked for.
pub const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How often running work is asked whether it should stop.
pub const HEED_STOPS_EVERY: Duration = Duration::from_millis(500);
/// Holds that one sweep ends at most; the next takes the rest.
const SWEEP_BATCH: usize = 500;

/// What became of dead work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovered {
    /// There is a result to show: so much is charged for it. `None`: all that is held.
    Settle(Option<Amount>),
    /// There is none.
    Release,
    /// Somebody goes on with it.
    GoesOn,
}

/// What a feature knows of its work.
#[async_trait]
pub trait Recover: Send + Sync {
    /// Finds out what became of work that nobody renews, and ends it where nobody did.
    async fn recover(&self, hold: &Reserved) -> AppResult<Recovered>;

    /// Which of these, which run here, should stop: those that were asked to, and those that were deleted.
    async fn stop_requests(&self, running: Vec<WorkId>) -> AppResult<Vec<WorkId>>;
}

/// What the features know, for each kind of work.
pub type Recoverers = Arc<[(WorkKind, Arc<dyn Recover>)]>;

/// Ends the holds of dead work.
///
/// What is stale says nothing right after the database was away or its clock was set, whoever has noticed: then everybody has
/// one lease to renew what runs, and what is stale after that is dead.
#[derive(Default)]
pub struct Sweeper {
    /// Holds that could not be ended. They come after all others, so that they keep none from its end.
    failed: HashSet<WorkId>,
}

impl Sweeper {
    /// Ends the holds of dead work: settled if there is a result to show, released if not.
    ///
    /// # Errors
    /// [`AppError::Unavailable`]; what was not ended is found again.
    pub async fn sweep(&mut self, generation: &Generation, recoverers: &Recoverers) -> AppResult<()> {
        let begun = Instant::now();
        let dead = self.find_dead(generation).await?;
        let (again, new): (Vec<_>, Vec<_>) = dead.into_iter().partition(|dead| self.failed.contains(&dead.hold.id));
        self.failed = again.iter().map(|dead| dead.hold.id).collect();
        for StaleHold { hold, .. } in new.into_iter().chain(again) {
            // Whether its server is dead is known as of the look; the next sweep looks anew.
            if begun.elapsed() > SWEEP_EVERY {
                break;
            }
            if generation.jobs.get(hold.id).is_some() {
                continue;
            }
            let hold = generation.recovered(hold);
            // Also where it panics: the next sweep begins with the others.
            let is_new = self.failed.insert(hold.id());
            match recover(&hold, recoverers).await {
                Ok(()) => _ = self.failed.remove(&hold.id()),
                Err(error) => {
                    generation.metrics.recovery_failed();
                    if is_new {
                        tracing::error!(hold = %hold.id(), %error, "a hold of dead work cannot be ended");
                    }
                }
            }
        }
        Ok(())
    }

    /// Holds that nobody renews. What runs here is renewed before, and where nothing can be written, nothing is taken for
    /// dead: a database that can only be read would make all others look so.
    async fn find_dead(&self, generation: &Generation) -> AppResult<Vec<StaleHold>> {
        let probed = generation.database.probe().await?;
        renew_leases(generation).await?;
        if probed.steady < i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX) {
            return Ok(Vec::new());
        }
        Ok(generation.credits.stale_holds(generation.database.now(), SWEEP_BATCH + self.failed.len()).await?)
    }
}

/// Ends the hold of dead work, unless somebody goes on with it.
async fn recover(hold: &Reserved, recoverers: &Recoverers) -> AppResult<()> {
    let (_, feature) = recoverers.iter().find(|(kind, _)| *kind == hold.kind()).ok_or(AppError::Internal)?;
    let closed = match feature.recover(hold).await? {
        Recovered::Settle(used) => hold.try_settle(used.unwrap_or_else(|| hold.held())).await?,
        Recovered::Release => hold.try_release(ReleaseReason::Interrupted).await?,
        Recovered::GoesOn => return Ok(()),
    };
    tracing::info!(hold = %hold.id(), end = ?closed.end, "ended the hold of work that was cut off");
    Ok(())
}

/// Says that all work of this process is alive.
///
/// # Errors
/// [`AppError::Unavailable`].
pub async fn renew_leases(generation: &Generation) -> AppResult<()> {
    generation
        .renew(generation.jobs.owned().into_iter().map(|(user, id)| HoldId { id, owner: user.into() }).collect())
        .await
}

/// Stops what another server was asked to stop, or to delete.
///
/// # Errors
/// [`AppError::Unavailable`].
pub async fn heed_stops(generation: &Generation, recoverers: &Recoverers) -> AppResult<()> {
    let mut failed = Ok(());
    for (kind, feature) in recoverers.iter() {
        let running = generation.jobs.ids(*kind);
        if running.is_empty() {
            continue;
        }
        // One that fails keeps no other from its turn.
        match feature.stop_requests(running).await {
            Ok(asked) => {
                for job in asked.into_iter().filter_map(|id| generation.jobs.get(id)) {
                    job.stop(StopReason::User);
                }
            }
            Err(error) => failed = Err(error),
        }
    }
    failed
}
