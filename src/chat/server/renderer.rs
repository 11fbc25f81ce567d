//! The HTML of answers that have ended, kept in memory.
//!
//! An answer that has ended never changes, but its HTML does with every version of the renderer, and weighs three times
//! as much: in the database it would be what takes the most room, and old with the next update. So it is made when it
//! is first looked at, and kept by what it is made of: whoever looks at a page again, and strangers who look at a shared
//! one, find it ready, and a branch finds that of its original. What was not looked at for longest goes first.

use std::sync::Arc;

use moka::future::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

use super::highlight;
use crate::chat::{Author, Message, MessageState};
use crate::i18n::{Language, current_language, in_language_here};
use crate::platform::error::{AppError, AppResult};

/// Most bytes of HTML that are kept: some thousand answers.
const MOST_BYTES: u64 = 32 * 1024 * 1024;
/// What an entry costs besides its HTML.
const ENTRY_BYTES: usize = 128;
/// Pages for strangers that are read and rendered at a time: whatever they ask for, other cores are for those who are
/// signed in.
const STRANGERS: usize = 2;

/// An answer, in a language: its buttons have a text.
type Key = (Language, [u8; 32]);

/// Renders each answer once.
pub struct Renderer {
    kept: Cache<Key, Arc<str>>,
    workers: Arc<Semaphore>,
    strangers: Semaphore,
}

impl Default for Renderer {
    fn default() -> Self {
        let bytes = |_: &Key, html: &Arc<str>| u32::try_from(html.len() + ENTRY_BYTES).unwrap_or(u32::MAX);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            kept: Cache::builder().weigher(bytes).max_capacity(MOST_BYTES).build(),
            workers: Arc::new(Semaphore::new(cores)),
            strangers: Semaphore::new(STRANGERS),
        }
    }
}

impl Renderer {
    /// Puts the HTML of the answers that have ended into these messages.
    ///
    /// # Errors
    /// [`AppError::Internal`].
    pub async fn render(&self, messages: &mut [Message]) -> AppResult<()> {
        for message in messages {
            if message.author == Author::Assistant && message.state != MessageState::Running {
                message.html = Some(self.html_of(&message.content).await?.to_string());
            }
        }
        Ok(())
    }

    /// Waits for the turn of a stranger.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], which it never is.
    pub async fn stranger(&self) -> AppResult<SemaphorePermit<'_>> {
        self.strangers.acquire().await.map_err(|_| AppError::Unavailable)
    }

    /// However many ask for the same at the same time, it is made once.
    async fn html_of(&self, markdown: &str) -> AppResult<Arc<str>> {
        let language = current_language();
        let key = (language, Sha256::digest(markdown).into());
        let make = async {
            let worker = self.workers.clone().acquire_owned().await.map_err(|_| AppError::Unavailable)?;
            let markdown = markdown.to_owned();
            // Highlighting is work for a core, not for the async threads; it speaks the language of the request.
            let html = spawn_blocking(move || {
                // It goes with the work, which goes on when nobody waits for it any more.
                let _worker = worker;
                in_language_here(language, || highlight::to_final_html(&markdown))
            });
            html.await.map(Arc::from).map_err(|_| AppError::Internal)
        };
        self.kept.try_get_with(key, make).await.map_err(|error: Arc<AppError>| (*error).clone())
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn an_answer_is_rendered_once_for_all_who_look() {
        let renderer = Renderer::default();
        let made = join_all((0..8).map(|_| renderer.html_of("```rust\nlet x = 1;\n```"))).await;
        let made: Vec<Arc<str>> = made.into_iter().map(Result::unwrap).collect();
        assert!(made[0].contains("let"));
        assert!(made.iter().all(|html| Arc::ptr_eq(html, &made[0])));
        let other = renderer.html_of("other").await.unwrap();
        assert!(!Arc::ptr_eq(&other, &made[0]));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_kept_is_bounded() {
        let renderer = Renderer::default();
        for n in 0..40 {
            renderer.html_of(&format!("{n} {}", "long ".repeat(400_000))).await.unwrap();
        }
        renderer.kept.run_pending_tasks().await;
        assert!(renderer.kept.weighted_size() <= MOST_BYTES);
    }
}
