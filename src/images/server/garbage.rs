//! Deleting files: a queue that tries until they are gone, and a sweeper for files that no image knows.

use std::time::Duration;

use futures::StreamExt;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Images;
use super::storage::{ObjectKey, ObjectStore, Rendition, StorageError};
use super::store::{ImageStore, Stray};
use crate::platform::db::{StoreError, StoreResult, now_millis};
use crate::platform::ids::ImageId;

/// How often the queue is looked at when nobody says that there is something in it.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Entries that are read in one go.
const BATCH: usize = 50;
/// The pause after the first try in vain; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// How often all files are looked through, where storage can list them.
const SWEEP_EVERY: Duration = Duration::from_hours(6);
/// A younger file may be of an image that is being stored.
const STRAY_AFTER: Duration = Duration::from_hours(1);
/// Ids that the database is asked about in one go.
const LOOK_UP: usize = 500;
/// So many strays, and more than there are images: that is not ours to delete.
const SUSPICIOUS: u64 = 20;

/// Deletes what is queued and sweeps, until the server has ended.
pub async fn run(images: Images) {
    let mut next_sweep = Instant::now() + Duration::from_mins(5);
    loop {
        match clean(images.store.as_ref(), images.objects.as_ref(), now_millis()).await {
            // There may be more.
            Ok(BATCH) => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "files will be deleted later"),
        }
        if Instant::now() >= next_sweep {
            next_sweep = Instant::now() + SWEEP_EVERY;
            match sweep(images.store.as_ref(), images.objects.as_ref()).await {
                Ok(0) => {}
                Ok(found) => tracing::warn!(found, "files without an image are deleted"),
                Err(problem) => tracing::warn!(problem, "files without an image were not looked for"),
            }
        }
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            () = images.cleaner.notified() => {}
        }
    }
}

/// Deletes the files that are due. Returns how many images they are of, at most a batch.
///
/// # Errors
/// [`StoreError`] of the database; what storage does not delete is tried again later.
pub async fn clean(images: &dyn ImageStore, objects: &dyn ObjectStore, now: i64) -> StoreResult<usize> {
    let strays = images.strays(now, BATCH).await?;
    let mut gone = Vec::new();
    for Stray { id, tries } in &strays {
        match delete_files(objects, *id).await {
            Ok(()) => gone.push(*id),
            Err(error) => {
                tracing::warn!(image = %id, tries, %error, "files could not be deleted yet");
                let pause = FIRST_PAUSE.saturating_mul(1 << (*tries).min(12)).min(LONGEST_PAUSE);
                images.postpone_stray(*id, now + i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)).await?;
            }
        }
    }
    images.forget_strays(gone).await?;
    Ok(strays.len())
}

pub(super) async fn delete_files(objects: &dyn ObjectStore, id: ImageId) -> Result<(), StorageError> {
    for rendition in Rendition::ALL {
        objects.delete(ObjectKey::new(id, rendition)).await?;
    }
    Ok(())
}

/// What is stored, and what of it nobody knows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    pub files: u64,
    /// Images with files that no row of the database accounts for.
    pub strays: Vec<ImageId>,
}

/// Looks through all files; `None` where storage cannot list them.
///
/// # Errors
/// What the database or storage says.
pub async fn take_inventory(images: &dyn ImageStore, objects: &dyn ObjectStore) -> Result<Option<Inventory>, String> {
    let Some(keys) = objects.list() else { return Ok(None) };
    let mut inventory = Inventory::default();
    let mut pages = keys.chunks(LOOK_UP);
    while let Some(page) = pages.next().await {
        let mut ids = Vec::with_capacity(page.len());
        for key in page {
            ids.push(key.map_err(|error| error.to_string())?.id());
        }
        inventory.files += ids.len() as u64;
        ids.retain(|id| is_old(*id));
        ids.sort_unstable();
        ids.dedup();
        let known = images.known(ids.clone()).await.map_err(|error: StoreError| error.to_string())?;
        inventory.strays.extend(ids.into_iter().filter(|id| !known.contains(id)));
    }
    inventory.strays.sort_unstable();
    inventory.strays.dedup();
    Ok(Some(inventory))
}

/// Queues the files that no image knows. Returns of how many images they are.
///
/// # Errors
/// What the database or storage says; and when there are more strays than images, which looks like the files of another
/// installation, or like a database that was put back to an older state.
pub async fn sweep(images: &dyn ImageStore, objects: &dyn ObjectStore) -> Result<usize, String> {
    let Some(Inventory { strays, .. }) = take_inventory(images, objects).await? else { return Ok(0) };
    let count = images.count().await.map_err(|error| error.to_string())?;
    let found = strays.len();
    if found as u64 > SUSPICIOUS.max(count.complete) {
        return Err(format!("{found} images in storage are not in the database: are they another installation's?"));
    }
    images.queue_strays(strays).await.map_err(|error| error.to_string())?;
    Ok(found)
}

fn is_old(id: ImageId) -> bool {
    let made = Uuid::from(id).get_timestamp().map_or(0, |at| at.to_unix().0);
    u64::try_from(now_millis() / 1000).unwrap_or(0).saturating_sub(made) > STRAY_AFTER.as_secs()
}
