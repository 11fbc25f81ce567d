//! One search per user at a time: who searches much waits for himself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::UserId;

/// How long a search waits for those before it.
const PATIENCE: Duration = Duration::from_secs(5);
/// From so many users on, those who do not search any more are forgotten.
const MANY: usize = 256;

/// Who is searching.
pub struct Turns {
    users: Mutex<HashMap<UserId, Arc<tokio::sync::Mutex<()>>>>,
    patience: Duration,
}

impl Default for Turns {
    fn default() -> Self {
        Self { users: Mutex::default(), patience: PATIENCE }
    }
}

impl Turns {
    /// Waits until no other search of this user is under way; this one is, until the guard is dropped.
    ///
    /// # Errors
    /// [`AppError::RateLimited`] where too many wait already.
    pub async fn take(&self, user: UserId) -> AppResult<OwnedMutexGuard<()>> {
        let turn = {
            let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
            if users.len() >= MANY {
                // Whoever searches or waits has it too.
                users.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            users.entry(user).or_default().clone()
        };
        let refused = AppError::RateLimited { retry_after_secs: PATIENCE.as_secs(), limit: 60 };
        timeout(self.patience, turn.lock_owned()).await.map_err(|_| refused)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn nth(n: u128) -> UserId {
        Uuid::from_u128(n).into()
    }

    #[tokio::test]
    async fn a_user_waits_for_himself_alone() {
        let turns = Turns { patience: Duration::from_millis(20), ..Turns::default() };
        let (user, other) = (nth(1), nth(2));
        let searching = turns.take(user).await.unwrap();
        turns.take(other).await.unwrap();
        let refused = turns.take(user).await.unwrap_err();
        assert!(matches!(refused, AppError::RateLimited { .. }));
        drop(searching);
        turns.take(user).await.unwrap();
        for n in 0..1000 {
            turns.take(nth(n)).await.unwrap();
        }
        assert!(turns.users.lock().unwrap().len() <= MANY);
    }
}
