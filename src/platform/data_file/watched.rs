//! What a file of data says now, exchanged as a whole when the file has changed.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::source::{DataFile, Stamp};

/// What holds now, and what the file looked like.
pub struct Watched<T> {
    now: RwLock<Arc<T>>,
    /// What the file looked like when it was last looked at, whatever was in it; or why it could not be.
    seen: Mutex<Result<Stamp, Vec<String>>>,
}

/// What became of looking at the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reload {
    Unchanged,
    /// What is in it holds from now on.
    Loaded,
    /// Nothing has changed, for these reasons.
    Refused(Vec<String>),
}

impl<T> Watched<T> {
    /// Begins with what was read from a file that looked like this.
    #[must_use]
    pub fn new(read: T, stamp: Stamp) -> Self {
        Self { now: RwLock::new(Arc::new(read)), seen: Mutex::new(Ok(stamp)) }
    }

    /// All that holds now.
    #[must_use]
    pub fn now(&self) -> Arc<T> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether the file has changed, and if so takes what `load` reads from it. Blocks for as long as that takes. `otherwise` is what
    /// a start without the file would have.
    pub fn reload(&self, file: &DataFile, otherwise: &str, load: impl FnOnce() -> Result<T, Vec<String>>) -> Reload {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = file.stamp();
        if now == *seen {
            return Reload::Unchanged;
        }
        let had_file = matches!(*seen, Ok(Some(_)));
        seen.clone_from(&now);
        match now {
            Err(problems) => return Reload::Refused(problems),
            // Many editors take a file away for a moment; and nobody would notice that it is gone.
            Ok(None) if had_file => {
                let name = file.path.display();
                return Reload::Refused(vec![format!(
                    "{name}: is not there any more; a start without it has {otherwise}"
                )]);
            }
            Ok(_) => {}
        }
        match load() {
            Ok(read) => {
                *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
                Reload::Loaded
            }
            Err(problems) => Reload::Refused(problems),
        }
    }
}
