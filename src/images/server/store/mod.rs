//! The port to images: what is known of each, and which files are still to be deleted.
//!
//! A row is never removed while there may be files of it: deleting turns it into a tombstone, which is the queue of the
//! files to delete. So deleting is one step in one place, and no file is forgotten by a crash.

mod mongo;
mod sqlite;

use async_trait::async_trait;
pub use mongo::MongoImageStore;
pub use sqlite::SqliteImageStore;

use crate::credits::Page;
use crate::images::{AspectRatio, Image, ImageStatus};
use crate::platform::amount::Amount;
use crate::platform::db::StoreResult;
use crate::platform::ids::{ConversationId, ImageId, MessageId, RunId, UserId};

/// An image that is about to be made.
#[derive(Debug, Clone)]
pub struct NewImage {
    pub id: ImageId,
    pub user: UserId,
    /// The conversation that it is made in, and the reply that shows it.
    pub shown_in: Option<(ConversationId, MessageId)>,
    pub prompt: String,
    pub aspect_ratio: AspectRatio,
    pub seed: u32,
    pub provider: String,
    pub model: String,
    pub is_ai: bool,
    /// Which run of the job this is.
    pub run: RunId,
}

/// Who works on an image.
#[derive(Debug, Clone)]
pub struct Assignment {
    pub provider: String,
    pub model: String,
    pub is_ai: bool,
    /// The provider's own id of the work, once it is known.
    pub remote_id: Option<String>,
}

/// An image in the making, with what is needed to go on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningImage {
    pub id: ImageId,
    pub user: UserId,
    pub shown_in: Option<(ConversationId, MessageId)>,
    pub prompt: String,
    pub aspect_ratio: AspectRatio,
    pub seed: u32,
    pub provider: String,
    pub remote_id: Option<String>,
    pub run: RunId,
}

/// What became of an image, of whatever user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Running(RunningImage),
    /// It ended, and this is what it cost: 0 if there is nothing to show.
    Ended {
        credits: Amount,
        shown_in: Option<(ConversationId, MessageId)>,
    },
    /// Deleted, or never begun.
    Nothing,
}

/// How an image ended.
#[derive(Debug, Clone)]
pub struct FinishedImage {
    pub id: ImageId,
    /// Only this run may end it; `None`: whichever.
    pub run: Option<RunId>,
    /// Not [`ImageStatus::Running`].
    pub status: ImageStatus,
    /// With [`ImageStatus::Complete`].
    pub made: Option<MadeImage>,
    pub error_code: Option<&'static str>,
    /// There may be files all the same, which have to go.
    pub has_stray_files: bool,
}

/// What there is to show.
#[derive(Debug, Clone)]
pub struct MadeImage {
    pub provider: String,
    pub model: String,
    pub is_ai: bool,
    pub fallback_from: Option<String>,
    pub width: u32,
    pub height: u32,
    pub placeholder: String,
    pub credits: Amount,
    /// What its files take.
    pub bytes: u64,
}

/// Which images are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFilter {
    /// The prompt contains this, in any case; empty: whatever it says.
    pub query: String,
    pub favorites_only: bool,
}

/// An image whose files are to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stray {
    pub id: ImageId,
    /// How often that was tried in vain.
    pub tries: u32,
}

/// How many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImageCounts {
    /// Images that can be shown.
    pub complete: u64,
    /// Images whose files are still to be deleted.
    pub strays: u64,
}

/// Images. What belongs to somebody else is not there.
#[async_trait]
pub trait ImageStore: Send + Sync {
    /// Stores an image in the making, behind all others of its user, whatever ids and clocks say; `false` when
    /// [`crate::images::MOST_RUNNING`] of this user's are running already.
    async fn begin(&self, image: NewImage) -> StoreResult<bool>;
    /// Puts down who works on it; `false` when this run may not go on: it was ended, deleted, or taken over.
    async fn assign(&self, id: ImageId, run: RunId, assignment: Assignment) -> StoreResult<bool>;
    /// Puts down under which id a provider works on it, unless one is known; `false` when it is known by another, or
    /// does not run.
    async fn learn_remote_id(&self, id: ImageId, remote_id: &str) -> StoreResult<bool>;
    /// Lets the run `to` go on in the place of `from`; `false` when another one was faster.
    async fn take_over(&self, id: ImageId, from: RunId, to: RunId) -> StoreResult<bool>;
    /// What became of it.
    async fn look_up(&self, id: ImageId) -> StoreResult<Found>;
    /// Ends an image in the making, durably; `false` when it ended otherwise, is gone, or belongs to another run. The
    /// same end again is `true` again. A queue entry is made in the same step where there may be stray files.
    async fn finish(&self, image: FinishedImage) -> StoreResult<bool>;
    /// Asks the server that makes it to stop; `false` when none does.
    async fn request_stop(&self, user: UserId, id: ImageId) -> StoreResult<bool>;
    /// Which of these running images should stop: those that were asked to, and those that were deleted.
    async fn stop_requests(&self, images: Vec<ImageId>) -> StoreResult<Vec<ImageId>>;
    /// The image that a reply shows, if it is one that does.
    async fn find_shown(&self, conversation: ConversationId, reply: MessageId) -> StoreResult<Option<ImageId>>;
    /// An image of this user.
    async fn find(&self, user: UserId, id: ImageId) -> StoreResult<Option<Image>>;
    /// The prompts of those of these images of the user that are there.
    async fn find_prompts(&self, user: UserId, ids: Vec<ImageId>) -> StoreResult<Vec<(ImageId, String)>>;
    /// Bytes of all files of a user's images.
    async fn bytes(&self, user: UserId) -> StoreResult<u64>;
    /// How many images of a user there are.
    async fn count_of(&self, user: UserId) -> StoreResult<u64>;
    /// The ids of the images next to it that can be shown: the newer, the older.
    async fn neighbors(&self, user: UserId, id: ImageId) -> StoreResult<(Option<ImageId>, Option<ImageId>)>;
    /// The newest first; `None` for a cursor that is none of ours.
    async fn list(
        &self,
        user: UserId,
        filter: &ImageFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<Image>>>;
    /// `false` where there is none.
    async fn set_favorite(&self, user: UserId, id: ImageId, favorite: bool) -> StoreResult<bool>;
    /// Deletes those of these that are there, and queues their files. Returns them.
    async fn delete(&self, user: UserId, ids: Vec<ImageId>) -> StoreResult<Vec<ImageId>>;
    /// The same for all of a conversation.
    async fn delete_of_conversation(&self, user: UserId, conversation: ConversationId) -> StoreResult<Vec<ImageId>>;
    /// The same for all of a user.
    async fn delete_of_user(&self, user: UserId) -> StoreResult<Vec<ImageId>>;
    /// Queues the files of ids that have no image to show: nothing happens to those that have.
    async fn queue_strays(&self, ids: Vec<ImageId>) -> StoreResult<()>;
    /// At most `limit` images whose files should be deleted now.
    async fn strays(&self, now: i64, limit: usize) -> StoreResult<Vec<Stray>>;
    /// The files of these are gone.
    async fn forget_strays(&self, ids: Vec<ImageId>) -> StoreResult<()>;
    /// The files of this could not be deleted: again at `next_try`.
    async fn postpone_stray(&self, id: ImageId, next_try: i64) -> StoreResult<()>;
    /// Which of these ids are images that can be shown, are being made, or are queued: whose files are accounted for.
    async fn known(&self, ids: Vec<ImageId>) -> StoreResult<Vec<ImageId>>;
    async fn count(&self) -> StoreResult<ImageCounts>;
    /// Keeps which picture a user shows of themselves, if any. The file of the one before is queued as a stray.
    async fn set_avatar(&self, user: UserId, id: Option<ImageId>) -> StoreResult<()>;
    async fn find_avatar(&self, user: UserId) -> StoreResult<Option<ImageId>>;
}
