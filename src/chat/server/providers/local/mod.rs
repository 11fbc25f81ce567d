//! The provider `local`: a small chat model inside the server process (a GGUF file, run by llama.cpp).
//!
//! Here: the port's adapter and the model's status. The worker thread is in `engine`, one conversation's decoding
//! in `slot`, the waiting line in `queue`, chat template and context window in `prompt`, what a file says of itself in `gguf`,
//! and trying it out where it can do no harm in `isolation`.

mod config;
mod engine;
mod gguf;
mod isolation;
mod prompt;
mod queue;
mod slot;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use async_trait::async_trait;
pub use config::{DEFAULT_LOCAL_MODEL, KIND, LOCAL, LocalConfig, SMALL_MODEL};
use futures::StreamExt as _;
use futures::channel::mpsc;
pub use isolation::{PROBE_COMMAND, probe, probe_with};
use llama_cpp_2::model::LlamaModel;

use super::{ChatProvider, ProviderError, ProviderRequest, Sampling, TokenStream};
use crate::generation::Provider;
use crate::i18n::{Text, fill, t};
use queue::{Job, Queue};

/// Where the local model stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalStatus {
    /// The file is being mapped; requests wait for it.
    Loading,
    Ready,
    /// There was no file at the configured path when the server started.
    Missing,
    /// The file is there but cannot be used; the text is for logs.
    Failed(String),
}

/// The local model. Dropping it stops the worker thread and cuts the replies under way.
pub struct LocalProvider {
    name: &'static str,
    path: PathBuf,
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
    thinks_unopened: AtomicBool,
}

/// What the provider and its worker both see.
struct Shared {
    queue: Queue,
    state: RwLock<State>,
}

enum State {
    Loading,
    Ready(Arc<LlamaModel>),
    Missing(PathBuf),
    Failed(String),
}

impl Shared {
    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Marks the worker as gone and says why it is.
    fn stop(&self) -> String {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Missing(path) => engine::missing(path),
            State::Failed(reason) => reason.clone(),
            State::Loading | State::Ready(_) => {
                let reason = "the local model has stopped".to_owned();
                *state = State::Failed(reason.clone());
                reason
            }
        }
    }
}

impl LocalProvider {
    /// Starts loading the GGUF file at `path` in the background and returns at once. `threads` is the number of
    /// threads that compute; more than the machine has cores only slows it down.
    #[must_use]
    pub fn new(path: PathBuf, threads: usize) -> Self {
        let shared = Arc::new(Shared { queue: Queue::default(), state: RwLock::new(State::Loading) });
        let worker = engine::spawn(path.clone(), threads.max(1), &shared);
        Self { name: LOCAL.name, path, shared, worker, thinks_unopened: AtomicBool::default() }
    }

    /// The same by another name.
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Where the model stands now.
    #[must_use]
    pub fn status(&self) -> LocalStatus {
        let state = self.shared.state.read();
        match &*state.unwrap_or_else(PoisonError::into_inner) {
            State::Loading => LocalStatus::Loading,
            State::Ready(_) => LocalStatus::Ready,
            State::Missing(_) => LocalStatus::Missing,
            State::Failed(reason) => LocalStatus::Failed(reason.clone()),
        }
    }

    /// Where the model's file is expected.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The token ids of a plain text, in which nothing counts as a control token; `None` until the model is ready.
    #[must_use]
    pub fn tokenize(&self, text: &str) -> Option<Vec<i32>> {
        let state = self.shared.state.read();
        match &*state.unwrap_or_else(PoisonError::into_inner) {
            State::Ready(model) => {
                let tokens = prompt::tokenize_content(model, text);
                Some(tokens.into_iter().map(|token| token.0).collect())
            }
            _ => None,
        }
    }
}

impl Drop for LocalProvider {
    fn drop(&mut self) {
        self.shared.queue.close();
        // At most one step. A worker that still computed while the program ends would crash in what llama.cpp tears down.
        if let Some(worker) = self.worker.take() {
            drop(worker.join());
        }
    }
}

impl Provider for LocalProvider {
    fn is_free(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        self.name
    }

    /// The file's name without its extension.
    fn model(&self) -> String {
        let stem = self.path.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    fn problem(&self) -> Option<String> {
        match self.status() {
            LocalStatus::Loading | LocalStatus::Ready => None,
            // Where it is looked for is in the log, and what `tessera check` says.
            LocalStatus::Missing => Some(fill(Text::NoModelFile, &[("name", &self.model())])),
            LocalStatus::Failed(_) => Some(t(Text::ModelFileUnusable).to_owned()),
        }
    }
}

#[async_trait]
impl ChatProvider for LocalProvider {
    /// What the model was trained for, as far as it is used; known once the model is loaded.
    fn context_tokens(&self) -> Option<u32> {
        let state = self.shared.state.read();
        match &*state.unwrap_or_else(PoisonError::into_inner) {
            State::Ready(model) => Some(engine::window_of(model)),
            _ => None,
        }
    }

    fn thinks_unopened(&self) -> bool {
        self.thinks_unopened.load(Ordering::Relaxed)
    }

    fn learn_unopened(&self, is_so: bool) {
        self.thinks_unopened.store(is_so, Ordering::Relaxed);
    }

    fn leaves_out(&self, sampling: &Sampling) -> Option<&'static str> {
        sampling.first_of(&["logit_bias"])
    }

    /// It cuts the context by itself, to the token.
    fn window(&self) -> Option<u32> {
        None
    }

    /// Joins the waiting line. There is one model, so `request.model` is not looked at.
    async fn start(&self, request: ProviderRequest) -> Result<TokenStream, ProviderError> {
        match self.status() {
            LocalStatus::Missing => Err(ProviderError::Unavailable(engine::missing(&self.path))),
            LocalStatus::Failed(reason) => Err(ProviderError::Unavailable(reason)),
            LocalStatus::Loading | LocalStatus::Ready if request.turns.is_empty() => {
                Err(ProviderError::Rejected("a request needs at least one turn".into()))
            }
            LocalStatus::Loading | LocalStatus::Ready => {
                // Unbounded is safe: a reply never has more tokens than the context window, and the worker must
                // never wait for a slow reader.
                let (events, stream) = mpsc::unbounded();
                self.shared.queue.push(Job { request, events })?;
                Ok(stream.boxed())
            }
        }
    }
}
