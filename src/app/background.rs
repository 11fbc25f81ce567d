//! What goes on in the background: a task for each timer, so that none waits for another, and each watched over
//! (`platform/tasks.rs`).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

use super::backup_schedule::{BackupConfig, back_up_if_due};
use super::state::AppState;
use crate::account::server::second_factor::seal_keys;
use crate::audit::store::SIGN_INS_KEPT;
use crate::chat::server::recovery::ReplyRecovery;
use crate::credits::server::prices::history::PriceHistory;
use crate::flags::REFRESH_EVERY;
use crate::generation::recovery::{
    HEED_STOPS_EVERY, RENEW_EVERY, Recover, Recoverers, SWEEP_EVERY, Sweeper, heed_stops, renew_leases,
};
use crate::generation::{KEYS_LIVE, Metrics};
use crate::images::server::garbage;
use crate::images::server::recovery::ImageRecovery;
use crate::openai_api::responses;
use crate::payments::server::RECONCILE_EVERY;
use crate::payments::server::shop::Shop;
use crate::platform::data_file::Reload;
use crate::platform::db::{Database, StoreResult, millis};
use crate::platform::error::{AppError, AppResult};
use crate::platform::tasks::{every, keep};
use crate::platform::work_kind::WorkKind;
use crate::{traces, usage};

/// A search indexes what is new by itself, so this is for the rest.
const INDEX_EVERY: Duration = Duration::from_secs(2);
const INDEX_PAUSE: Duration = Duration::from_millis(20);
/// How soon a change of the prices, of what is sold, or of the providers holds.
const PRICES_EVERY: Duration = Duration::from_secs(2);
/// How often it is looked whether a backup is due. One may take as long.
const BACKUPS_EVERY: Duration = Duration::from_mins(10);
/// How often sums of what is older than an hour are looked at.
const STATISTICS_EVERY: Duration = Duration::from_mins(10);
const HOUSEKEEPING_EVERY: Duration = Duration::from_mins(10);
/// Bytes of images that nothing shows after this time never will be shown.
const UNSHOWN_AFTER: Duration = Duration::from_hours(1);

/// How often it is looked whether a day is over, and whether the books are to be checked. A turn may take as long.
const CLOSE_EVERY: Duration = Duration::from_mins(10);
const RECONCILE_BOOKS_EVERY: Duration = Duration::from_mins(20);
/// A server that has just begun has more to do.
const BOOKS_AFTER: Duration = Duration::from_mins(1);

/// How soon those whose credits expire are told, where the earliest notice is a month before and the last a day.
const NOTICES_EVERY: Duration = Duration::from_hours(3);

/// Within this time, who redeems a code gives its credits.
const REDEEMING: Duration = Duration::from_mins(1);

/// Accounts whose credits expire in one go of the housekeeping.
const EXPIRED_AT_A_TIME: usize = 10_000;

/// Renews and sweeps until the server has ended.
pub async fn run(state: AppState) {
    if let Err(error) = seal_keys(state.stores.second_factors.as_ref(), &state.account.secret).await {
        tracing::warn!(%error, "it could not be seen whether all keys of authenticator apps are sealed");
    }
    let recoverers: Recoverers = WorkKind::ALL.into_iter().map(|kind| (kind, recovery_of(&state, kind))).collect();
    let mut timers = JoinSet::new();
    let (generation, features) = (state.generation.clone(), recoverers.clone());
    let sweeper = Arc::new(Mutex::new(Sweeper::default()));
    timers.spawn(every("sweep", SWEEP_EVERY, move || {
        let (generation, features, sweeper) = (generation.clone(), features.clone(), sweeper.clone());
        async move { sweeper.lock().await.sweep(&generation, &features).await }
    }));
    let generation = state.generation.clone();
    timers.spawn(every("renewal of leases", RENEW_EVERY, move || {
        let generation = generation.clone();
        async move { renew_leases(&generation).await }
    }));
    let generation = state.generation.clone();
    timers.spawn(every("stops", HEED_STOPS_EVERY, move || {
        let (generation, features) = (generation.clone(), recoverers.clone());
        async move { heed_stops(&generation, &features).await }
    }));
    let images = state.images.clone();
    timers.spawn(keep("deleting of files", move || garbage::run(images.clone())));
    let leaving = state.leaving.clone();
    timers.spawn(keep("exports", move || leaving.clone().run_exports()));
    let leaving = state.leaving.clone();
    timers.spawn(keep("erasures", move || leaving.clone().run_erasures()));
    let chats = state.stores.chats.clone();
    timers.spawn(every("search index", INDEX_EVERY, move || {
        let chats = chats.clone();
        async move {
            while chats.index_pending().await? > 0 {
                // After an update there is much to do, and others want to write too.
                sleep(INDEX_PAUSE).await;
            }
            Ok(())
        }
    }));
    let flags = state.generation.flags.clone();
    timers.spawn(every("flags", REFRESH_EVERY, move || {
        let flags = flags.clone();
        async move { flags.refresh().await }
    }));
    let payments = state.payments.clone();
    timers.spawn(every("payments", RECONCILE_EVERY, move || {
        let payments = payments.clone();
        async move { payments.reconcile().await }
    }));
    let books = state.bookkeeping.clone();
    timers.spawn(later(every("daily close", CLOSE_EVERY, move || {
        let books = books.clone();
        async move { books.close_days().await.map(drop).map_err(AppError::from) }
    })));
    let books = state.bookkeeping.clone();
    timers.spawn(later(every("reconciliation", RECONCILE_BOOKS_EVERY, move || {
        let books = books.clone();
        async move { books.reconcile_if_due().await }
    })));
    if let Some(notices) = state.generation.notices.clone() {
        timers.spawn(every("notices", NOTICES_EVERY, move || {
            let notices = notices.clone();
            async move { notices.tell_of_expiry().await }
        }));
    }
    let (credits, metrics) = (state.credits.clone(), state.generation.metrics.clone());
    let database = state.stores.database.clone();
    timers.spawn(every("prices", PRICES_EVERY, move || {
        reload_prices(credits.price_history.clone(), metrics.clone(), database.clone())
    }));
    let shop = state.payments.shop.clone();
    timers.spawn(every("shop", PRICES_EVERY, move || reload_shop(shop.clone())));
    let chat = state.chat.clone();
    timers.spawn(every("models", PRICES_EVERY, move || {
        let chat = chat.clone();
        async move { chat.keep_models().await }
    }));
    timers.spawn(look_for_damage(state.stores.database.clone()));
    if let Some(plan) = state.config.backups.clone() {
        let state = state.clone();
        timers.spawn(every("backups", BACKUPS_EVERY, move || back_up(state.clone(), plan.clone())));
    }
    let statistics = state.admin.stats.clone();
    timers.spawn(every("statistics", STATISTICS_EVERY, move || {
        let own = statistics.clone();
        async move { own.look_back().await }
    }));
    timers.spawn(every("housekeeping", HOUSEKEEPING_EVERY, move || {
        let state = state.clone();
        async move { keep_house(&state).await }
    }));
    // They end with this task, which ends with the server.
    while timers.join_next().await.is_some() {}
}

/// Does what is in no hurry once the server has settled.
async fn later(task: impl Future<Output = ()>) {
    sleep(BOOKS_AFTER).await;
    task.await;
}

/// Once, after the start: what is damaged is best found before it is needed, and before the last good backup is deleted.
async fn look_for_damage(database: Database) {
    if let Err(error) = database.look_for_damage().await {
        tracing::error!(%error, "the database was looked through");
    }
}

/// Who knows what became of work of a kind.
fn recovery_of(state: &AppState, kind: WorkKind) -> Arc<dyn Recover> {
    match kind {
        WorkKind::Chat => Arc::new(ReplyRecovery::new(state.chat.clone())),
        WorkKind::Image => Arc::new(ImageRecovery::new(state.images.clone())),
    }
}

/// Backs the database up if it is time. A backup that fails is no reason to serve nobody: the log says so at every try.
async fn back_up(state: AppState, plan: BackupConfig) -> AppResult<()> {
    let done = spawn_blocking(move || back_up_if_due(&state.config, &plan, Timestamp::now())).await;
    match done.map_err(|_| AppError::Internal)? {
        Ok(None) => {}
        Ok(Some(file)) => tracing::info!(file = %file.display(), "the database is backed up"),
        Err(problem) => tracing::error!(problem, "the database could not be backed up"),
    }
    Ok(())
}

/// Takes the prices of a file that has changed, or says why not.
async fn reload_prices(history: PriceHistory, metrics: Metrics, database: Database) -> AppResult<()> {
    let prices = history.prices.clone();
    // A disk may be slow, and one of the network may not answer.
    let (looked, book) = (spawn_blocking(move || (prices.reload(), prices)).await).map_err(|_| AppError::Internal)?;
    match looked {
        Reload::Unchanged => {}
        Reload::Loaded => {
            tracing::info!(file = %book.source().file.path.display(), "the prices have changed");
            metrics.prices_reloaded(true);
            history.note(database.now()).await?;
        }
        Reload::Refused(problems) => {
            for problem in problems {
                tracing::error!(problem, "the prices stay as they were");
            }
            metrics.prices_reloaded(false);
        }
    }
    Ok(())
}

/// Sells what the file says that has changed, or says why not.
async fn reload_shop(shop: Shop) -> AppResult<()> {
    let (looked, shop) = (spawn_blocking(move || (shop.reload(), shop)).await).map_err(|_| AppError::Internal)?;
    match looked {
        Reload::Unchanged => {}
        Reload::Loaded => tracing::info!(file = %shop.file().path.display(), "what is sold has changed"),
        Reload::Refused(problems) => {
            for problem in problems {
                tracing::error!(problem, "what is sold stays as it was");
            }
        }
    }
    Ok(())
}

async fn keep_house(state: &AppState) -> AppResult<()> {
    state.generation.limiter.forget_idle();
    if let Err(error) = state.generation.flags.forget_counts().await {
        tracing::warn!(%error, "old counts of providers are still to be deleted");
    }
    if let Err(error) = state.credits.price_history.note(state.stores.database.now()).await {
        tracing::warn!(%error, "the prices of now are still to be noted");
    }
    if let Err(error) = state.credits.finish_redemptions(state.stores.database.now() - millis(REDEEMING)).await {
        tracing::warn!(%error, "the credits of a code are still to be given");
    }
    // By the database's clock: a server whose own is a day ahead would forget what others were promised.
    let now = state.stores.database.now();
    let before = now - millis(KEYS_LIVE);
    // One that fails keeps no other from its turn.
    let kept = [
        state.stores.sessions.delete_expired(now).await,
        state.stores.mail_links.delete_expired(now).await,
        state.stores.identities.delete_expired(now).await,
        state.stores.passkeys.delete_expired(now).await,
        state.stores.second_factors.delete_expired(now).await,
        state.stores.attempts.forget_before(now - millis(usage::server::store::KEPT)).await,
        state.stores.statistics.forget_before(now - millis(usage::server::store::KEPT)).await,
        state.stores.traces.forget_before(now - millis(traces::store::KEPT)).await,
        state.stores.traces.keep_newest(state.generation.traces.limits().in_all).await,
        state.stores.leavings.delete_expired(now).await,
        state.stores.accounts.forget_welcomed(now).await,
        state.stores.chats.forget_hidden(before).await,
        state.stores.responses.forget_before(now - millis(responses::KEPT)).await,
        state.stores.chats.forget_unshown(now - millis(UNSHOWN_AFTER)).await,
        state.stores.credits.forget_keys(before).await,
        state.stores.audit.forget_sign_ins(now - millis(SIGN_INS_KEPT)).await,
        // Whoever uses an account ends what has expired in it; this is for those that nobody uses.
        state.stores.credits.expire_lots(now, EXPIRED_AT_A_TIME).await.map(drop),
    ];
    Ok(kept.into_iter().collect::<StoreResult<()>>()?)
}
