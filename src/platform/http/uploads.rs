//! Large bodies: how many are in memory at once.
//!
//! A body is read into memory as a whole, and what is made of it takes as much again. So whoever sends a large one first
//! gets a permit for its length: one body at a time for each user, and so many bytes for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::platform::ids::UserId;
use axum::body::{Body, Bytes};
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::platform::error::{AppError, AppResult};
use crate::platform::limits::{Slot, Slots};

/// How long a request waits for its permit. Less than a body may keep others waiting that does not come on.
const PATIENCE: Duration = Duration::from_secs(5);
/// Large requests of one user that are read or wait to be.
const MOST_PER_USER: usize = 8;
/// What permits are counted in.
const UNIT: usize = 1024;

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
pub struct UploadPermit(#[expect(dead_code, reason = "it is held, not read")] Arc<Held>);

struct Held {
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
            Some(UploadPermit(Arc::new(Held { _turn: turn, _room: room })))
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
    /// A body that has this permit as long as it is in memory.
    #[must_use]
    pub fn bind(self, bytes: Bytes) -> Bytes {
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

/// Lets a body that nobody wants come to its end: a client that is still sending would else see a broken connection and
/// not the answer.
pub fn discard(body: Body) {
    tokio::spawn(async move {
        let mut body = body.into_data_stream();
        while let Some(Ok(_)) = body.next().await {}
    });
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
    async fn nobody_waits_for_ever() {
        let uploads = Uploads { patience: Duration::from_millis(50), ..Uploads::new(10_000, 1) };
        let _all = uploads.admit(None, None).await.unwrap();
        assert_eq!(uploads.admit(Some(UserId::now_v7()), None).await.err(), Some(AppError::Unavailable));
        assert!(uploads.lock().is_empty());
    }
}
