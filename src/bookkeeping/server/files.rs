//! Files in storage that no image knows, and images whose files are gone.

use tokio::time::sleep;

use super::Bookkeeping;
use super::finding::{DriftKind, Finding, Run};
use super::reconcile::began_at;
use crate::images::server::garbage::take_inventory;
use crate::images::server::storage::{ObjectKey, Rendition, StorageError};
use crate::platform::error::AppResult;
use crate::platform::ids::ImageId;
use crate::platform::time::HOUR;

/// Images whose files are looked for in one run: the next goes on behind them.
const IMAGES_A_RUN: u64 = 2000;
const IMAGES: usize = 100;
/// A younger image may still be on its way, in milliseconds.
const MISSED_AFTER: i64 = HOUR;

impl Bookkeeping {
    /// What storage says is in the log where it does not answer: then there is nothing to find.
    pub(super) async fn check_files(&self, run: &mut Run, before: Option<Run>) -> AppResult<()> {
        let inventory = match take_inventory(self.images.as_ref(), self.objects.as_ref()).await {
            Ok(Some(inventory)) => inventory,
            // What cannot be listed is not asked for file by file either.
            Ok(None) => return Ok(()),
            Err(problem) => {
                tracing::warn!(problem, "the files of images could not be compared");
                run.images_until = before.and_then(|before| before.images_until);
                return Ok(());
            }
        };
        run.counts.files = Some(inventory.files);
        // Those that were queued or stored meanwhile are no orphans.
        for some in inventory.strays.chunks(IMAGES) {
            let known = self.images.known(some.to_vec()).await?;
            for id in some.iter().filter(|id| !known.contains(id)) {
                run.find(Finding::new(DriftKind::OrphanFile, id, None));
            }
        }
        if let Err(error) = self.find_missing(run, before).await? {
            tracing::warn!(%error, "the files of images could not be looked for");
        }
        Ok(())
    }

    /// Looks for the files of some images: of those that missed theirs the last time, and of those behind where it ended.
    async fn find_missing(&self, run: &mut Run, before: Option<Run>) -> AppResult<Result<(), StorageError>> {
        let mut after = before.as_ref().and_then(|before| before.images_until).unwrap_or(ImageId::min());
        let missed = before.into_iter().flat_map(|before| before.findings);
        let missed = missed.filter(|finding| finding.kind == DriftKind::MissingFile);
        let again: Vec<ImageId> = missed.filter_map(|finding| finding.subject.parse().ok()).collect();
        let mut found = match self.without_files(&again).await {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        while run.counts.images < IMAGES_A_RUN {
            let page = self.images.list_complete(after, IMAGES).await?;
            run.counts.images += page.len() as u64;
            let Some(last) = page.last() else {
                after = ImageId::min();
                break;
            };
            after = *last;
            match self.without_files(&page).await {
                Ok(more) => found.extend(more),
                Err(error) => return Ok(Err(error)),
            }
            self.pause().await?;
        }
        run.images_until = (after != ImageId::min()).then_some(after);
        found.sort_unstable();
        found.dedup();
        if !found.is_empty() {
            sleep(self.pace.again).await;
        }
        for id in found {
            // It may have been deleted since.
            let just_before = uuid::Uuid::from_u128(uuid::Uuid::from(id).as_u128() - 1).into();
            if self.images.list_complete(just_before, 1).await?.contains(&id) {
                run.find(Finding::new(DriftKind::MissingFile, id, None));
            }
        }
        Ok(Ok(()))
    }

    async fn without_files(&self, ids: &[ImageId]) -> Result<Vec<ImageId>, StorageError> {
        let old = self.database.now() - MISSED_AFTER;
        let mut without = Vec::new();
        for id in ids.iter().filter(|id| began_at((**id).into()) < old) {
            for rendition in Rendition::ALL {
                if !self.objects.exists(ObjectKey::new(*id, rendition)).await? {
                    without.push(*id);
                    break;
                }
            }
        }
        Ok(without)
    }
}
