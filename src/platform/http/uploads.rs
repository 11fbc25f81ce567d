//! Large bodies: how many are in memory at once.
//!
//! A body is read into memory as a whole, once. So whoever sends a large one first gets a permit for its length: one body at a
//! time for each user, and so many bytes for all. What is made of it is work for a core, and not for the threads that all
//! requests share; and what is refused has to leave time for others too.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::platform::ids::UserId;
use axum::body::{Body, Bytes, HttpBody};
use futures::StreamExt;
use http_body_util::LengthLimitError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::platform::error::{AppError, AppResult};
use crate::platform::limits::{Slot, Slots};

/// How long a request waits for its permit. Less than a body may keep others waiting that does not come on.
const PATIENCE: Duration = Duration::from_secs(5);
/// Large requests of one user that are read or wait to be.
const MOST_PER_USER: usize = 8;
/// What permits are counted in.
const UNIT: usize = 1024;
/// What is less is read where it comes.
const SMALL: usize = 64 * 1024;
/// Bytes a second of all bodies together that nobody wants.
const UNWANTED_RATE: u32 = 64 * 1024 * 1024;
/// So many of one of them are read before it is the turn of another.
const UNWANTED_PIECE: usize = 256 * 1024;

/// How many large bodies and images are worked on at once.
static WORKING: Semaphore = Semaphore::const_new(2);
/// Whose turn it is of the bodies that nobody wants: first come, first served.
static UNWANTED: Semaphore = Semaphore::const_new(1);

/// The permits. Cheap to clone.
#[derive(Clone)]
pub struct Uploads {
    room: Arc<Semaphore>,
    largest: usize,
    patience: Duration,
    waiting: Slots,
    users: Arc<Mutex<HashMap<UserId, Arc<Semaphore>>>>,
}

/// The right to have a body in memory. It goes with the body.
#[derive(Clone)]
pub struct UploadPermit(Arc<Held>);

struct Held {
    largest: usize,
    /// None: nobody is known to send it.
    _turn: Option<Turn>,
    _room: OwnedSemaphorePermit,
}

/// It is this user's turn.
struct Turn {
    uploads: Uploads,
    user: UserId,
    /// Before it is looked whether others wait.
    permit: Option<OwnedSemaphorePermit>,
    _slot: Slot,
}

impl Uploads {
    /// Room for `bodies` of `largest` bytes at once.
    #[must_use]
    pub fn new(largest: usize, bodies: usize) -> Self {
        Self {
            room: Arc::new(Semaphore::new(largest.div_ceil(UNIT) * bodies)),
            largest,
            patience: PATIENCE,
            waiting: Slots::new(MOST_PER_USER),
            users: Arc::default(),
        }
    }

    /// Waits until a body of this length may be read; of the largest, where its length is not known.
    ///
    /// # Errors
    /// [`AppError::TooLarge`], [`AppError::RateLimited`] when the user sends many already, [`AppError::Unavailable`] when
    /// there was no room for a while.
    pub async fn admit(&self, user: Option<UserId>, length: Option<u64>) -> AppResult<UploadPermit> {
        let length = match length.map(usize::try_from) {
            None => self.largest,
            Some(Ok(length)) if length <= self.largest => length,
            Some(_) => return Err(AppError::TooLarge),
        };
        let units = u32::try_from(length.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let slot = user.map(|user| self.waiting.take(user).map(|slot| (user, slot))).transpose()?;
        let admitted = async {
            let turn = match slot {
                Some((user, slot)) => Some(self.turn_of(user, slot).await?),
                None => None,
            };
            let room = self.room.clone().acquire_many_owned(units).await.ok()?;
            Some(UploadPermit(Arc::new(Held { largest: self.largest, _turn: turn, _room: room })))
        };
        timeout(self.patience, admitted).await.ok().flatten().ok_or(AppError::Unavailable)
    }

    async fn turn_of(&self, user: UserId, slot: Slot) -> Option<Turn> {
        let own = self.lock().entry(user).or_insert_with(|| Arc::new(Semaphore::new(1))).clone();
        // Made first, so that a user who is not waited for is forgotten too.
        let mut turn = Turn { uploads: self.clone(), user, permit: None, _slot: slot };
        turn.permit = Some(own.acquire_owned().await.ok()?);
        Some(turn)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Arc<Semaphore>>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut users = self.uploads.lock();
        if users.get(&self.user).is_some_and(|own| Arc::strong_count(own) == 1) {
            users.remove(&self.user);
        }
    }
}

impl UploadPermit {
    /// Reads a body into one piece of memory, of which no more is taken than comes. It has this permit as long as any part of it
    /// is there.
    ///
    /// # Errors
    /// [`AppError::TooLarge`], [`AppError::InvalidInput`] naming `body`.
    pub async fn read(&self, body: Body) -> AppResult<Bytes> {
        let most = body.size_hint().upper().and_then(|most| usize::try_from(most).ok());
        let mut whole = Vec::with_capacity(most.map_or(self.0.largest, |most| most.min(self.0.largest)));
        let mut pieces = body.into_data_stream();
        while let Some(piece) = pieces.next().await {
            whole.extend_from_slice(&piece.map_err(unread)?);
        }
        Ok(self.clone().bind(whole.into()))
    }

    fn bind(self, bytes: Bytes) -> Bytes {
        struct Bound {
            bytes: Bytes,
            _permit: UploadPermit,
        }
        impl AsRef<[u8]> for Bound {
            fn as_ref(&self) -> &[u8] {
                &self.bytes
            }
        }
        Bytes::from_owner(Bound { bytes, _permit: self })
    }
}

/// Why a body could not be read.
#[must_use]
pub fn unread(error: impl Error + 'static) -> AppError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return AppError::TooLarge;
        }
        cause = error.source();
    }
    AppError::invalid("body", "The body could not be read.")
}

/// Lets a body that nobody wants come to its end: a client that is still sending would else see a broken connection and
/// not the answer. It comes slowly where there are many of them, so that sending them is no way to keep a server busy.
pub fn discard(body: Body) {
    tokio::spawn(async move {
        let mut body = body.into_data_stream();
        let mut came = 0;
        while let Some(Ok(bytes)) = body.next().await {
            came += bytes.len();
            if came >= UNWANTED_PIECE {
                drop(bytes);
                let Ok(_turn) = UNWANTED.acquire().await else { return };
                sleep(Duration::from_secs(1) * u32::try_from(came).unwrap_or(u32::MAX) / UNWANTED_RATE).await;
                came = 0;
            }
        }
    });
}

/// Does work of megabytes: at once where there are few bytes, else as [`off_the_runtime`].
///
/// # Errors
/// [`AppError::Internal`] where it panics.
pub async fn on_bytes<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> AppResult<T> {
    if bytes <= SMALL { Ok(work()) } else { off_the_runtime(work).await }
}

/// Does work for a core, not for the threads that all requests share; only some of it at once. It goes on when nobody waits
/// for it any more, and so does its turn.
///
/// # Errors
/// [`AppError::Internal`] where it panics.
pub async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> AppResult<T> {
    let turn = WORKING.acquire().await.map_err(|_| AppError::Internal)?;
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    done.await.map_err(|_| AppError::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_user_has_one_turn_and_all_have_so_much_room() {
        let uploads = Uploads::new(10_000, 2);
        let (ada, bob, eve) = (UserId::now_v7(), UserId::now_v7(), UserId::now_v7());
        let first = uploads.admit(Some(ada), None).await.unwrap();
        let of_bob = uploads.admit(Some(bob), Some(9_000)).await.unwrap();
        // No room for a third, and no turn for a second of the same user.
        let mut third = Box::pin(uploads.admit(Some(eve), Some(9_000)));
        let mut second = Box::pin(uploads.admit(Some(ada), Some(10)));
        assert!(futures::poll!(&mut third).is_pending() && futures::poll!(&mut second).is_pending());
        // Bound to its body, it lives as long.
        let body = first.bind(Bytes::from_static(b"abc"));
        let part = body.slice(1..2);
        drop(body);
        assert!(futures::poll!(&mut second).is_pending());
        drop(part);
        let third = third.await.unwrap();
        let second = second.await.unwrap();
        drop((second, third, of_bob));
        assert!(uploads.lock().is_empty(), "nobody is remembered");
        assert_eq!(uploads.room.available_permits(), 20);
    }

    #[tokio::test]
    async fn what_is_too_large_or_too_much_is_refused_at_once() {
        let uploads = Uploads::new(10_000, 2);
        let ada = UserId::now_v7();
        assert_eq!(uploads.admit(None, Some(10_001)).await.err(), Some(AppError::TooLarge));
        let _first = uploads.admit(Some(ada), Some(1)).await.unwrap();
        let mut waiting = Vec::new();
        for _ in 1..MOST_PER_USER {
            waiting.push(Box::pin(uploads.admit(Some(ada), Some(1))));
            assert!(futures::poll!(waiting.last_mut().unwrap()).is_pending());
        }
        assert!(matches!(uploads.admit(Some(ada), Some(1)).await.err(), Some(AppError::RateLimited { .. })));
        assert!(uploads.admit(Some(UserId::now_v7()), Some(1)).await.is_ok());
    }

    #[tokio::test]
    async fn bodies_that_nobody_wants_come_to_their_ends_no_faster_than_all_of_them_may() {
        const EACH: usize = 4 * 1024 * 1024;
        let begun = tokio::time::Instant::now();
        let (over, mut all_over) = tokio::sync::mpsc::channel::<()>(1);
        for _ in 0..6 {
            let over = over.clone();
            let pieces = (0..EACH / SMALL).map(move |_| {
                _ = &over;
                Ok::<_, std::convert::Infallible>(Bytes::from(vec![0; SMALL]))
            });
            discard(Body::from_stream(futures::stream::iter(pieces)));
        }
        drop(over);
        assert_eq!(all_over.recv().await, None);
        // 24 MiB.
        assert!(begun.elapsed() >= Duration::from_millis(350), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_large_body_is_one_piece_of_memory_and_its_work_is_nothing_for_the_runtime() {
        let pieces = (0..100).map(|_| Ok::<_, std::convert::Infallible>(Bytes::from_static(&[7; 10_000])));
        let permit = Uploads::new(2_000_000, 1).admit(None, None).await.unwrap();
        let body = Body::from_stream(futures::stream::iter(pieces));
        assert_eq!(permit.read(body).await.unwrap(), vec![7; 1_000_000]);
        let limited = Body::new(http_body_util::Limited::new(Body::from(vec![7; 1_000]), 999));
        assert_eq!(permit.read(limited).await, Err(AppError::TooLarge));
        let thread = || std::thread::current().id();
        assert_eq!(on_bytes(SMALL, thread).await.unwrap(), thread());
        assert_ne!(on_bytes(SMALL + 1, thread).await.unwrap(), thread());
        assert_eq!(off_the_runtime(|| panic!("on purpose")).await, Err::<(), _>(AppError::Internal));
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let uploads = Uploads { patience: Duration::from_millis(50), ..Uploads::new(10_000, 1) };
        let _all = uploads.admit(None, None).await.unwrap();
        assert_eq!(uploads.admit(Some(UserId::now_v7()), None).await.err(), Some(AppError::Unavailable));
        assert!(uploads.lock().is_empty());
    }
}
