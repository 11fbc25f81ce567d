//! How much of something each user may have at once, in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::platform::ids::UserId;

use crate::platform::error::{AppError, AppResult};

/// When to try again: it is not known when a slot becomes free.
const RETRY_AFTER_SECS: u64 = 5;

/// Each user has the same number of slots. Cheap to clone.
#[derive(Clone)]
pub struct Slots(Arc<Shared>);

struct Shared {
    most: usize,
    taken: Mutex<HashMap<UserId, usize>>,
}

/// One slot of a user, until it is dropped.
pub struct Slot {
    slots: Slots,
    user: UserId,
}

impl Slots {
    /// `most` for each user.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Shared { most, taken: Mutex::default() }))
    }

    /// Takes a slot of this user.
    ///
    /// # Errors
    /// [`AppError::RateLimited`] when all are taken.
    pub fn take(&self, user: UserId) -> AppResult<Slot> {
        let mut taken = self.lock();
        let count = taken.entry(user).or_insert(0);
        if *count >= self.0.most {
            let limit = u32::try_from(self.0.most).unwrap_or(u32::MAX);
            return Err(AppError::RateLimited { retry_after_secs: RETRY_AFTER_SECS, limit });
        }
        *count += 1;
        Ok(Slot { slots: self.clone(), user })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Slots {
    /// Any number for each user.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        if let Some(count) = taken.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_free_again_when_it_is_dropped() {
        let (slots, ada, bob) = (Slots::new(2), UserId::now_v7(), UserId::now_v7());
        let first = slots.take(ada).unwrap();
        let _second = slots.take(ada).unwrap();
        assert_eq!(slots.take(ada).err(), Some(AppError::RateLimited { retry_after_secs: 5, limit: 2 }));
        assert!(slots.take(bob).is_ok());
        drop(first);
        assert!(slots.take(ada).is_ok());
        assert_eq!(slots.lock().len(), 1, "nobody who has none is remembered");
    }
}
