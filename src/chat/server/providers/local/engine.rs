//! The worker thread: loads the model, then decodes up to `SLOTS` conversations together, one batch per step.
//!
//! Everything that computes happens here, so no async thread ever waits for it. A step takes one token from each
//! conversation that is writing and shares the rest of the batch among the prompts that are still being read.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::{LogOptions, send_logs_to_tracing};
use tracing::{info, warn};

use super::prompt::{Prompt, Prompter};
use super::queue::{Job, Queue, Wake};
use super::slot::{Reply, Slot, can_be_drawn_from};
use super::{Shared, State, gguf, isolation};
use crate::chat::server::providers::{Finish, ProviderError, ProviderEvent, Role, Turn};

/// Conversations that decode together.
const SLOTS: u32 = 4;
/// Tokens that one conversation may take, prompt and reply together, if the model was trained for as many.
const WINDOW: u32 = 2048;
/// Tokens in one step while only prompts are read.
const STEP_TOKENS: usize = 256;
/// The same while somebody is waiting for the next word of a reply: few, as a core reads about 150 a second and the
/// writers stand still meanwhile. Reading costs hardly more in small pieces.
const SHARED_STEP_TOKENS: usize = 16;
/// Without work for this long, the context (nearly all of the private memory) is given back.
const IDLE: Duration = Duration::from_mins(1);
/// llama.cpp splits some vocabularies' text with `std::regex`, which recurses.
const STACK_BYTES: usize = 16 << 20;

/// Starts the thread; a failure to do so becomes the provider's status.
pub(super) fn spawn(path: PathBuf, threads: usize, shared: &Arc<Shared>) -> Option<JoinHandle<()>> {
    let stop = StopGuard(Arc::clone(shared));
    let thread = std::thread::Builder::new().name("local-model".into()).stack_size(STACK_BYTES);
    let spawned = thread.spawn(move || {
        if let Err(state) = run(&path, threads, &stop.0) {
            stop.0.set(state);
        }
    });
    spawned.map_err(|error| shared.set(State::Failed(format!("no thread for the local model: {error}")))).ok()
}

/// What a request gets while there is no model file.
pub(super) fn missing(path: &Path) -> String {
    format!("no local model: {} does not exist", path.display())
}

/// Sees to it that nobody waits for a worker that is gone, not even after a panic.
struct StopGuard(Arc<Shared>);

impl Drop for StopGuard {
    fn drop(&mut self) {
        let reason = self.0.stop();
        self.0.queue.close();
        self.0.queue.fail_waiting(&ProviderError::Unavailable(reason));
    }
}

/// Loads the model and works until the provider is dropped. An error is the state to be left in.
fn run(path: &Path, threads: usize, shared: &Shared) -> Result<(), State> {
    if !path.is_file() {
        warn!(path = %path.display(), "no local model");
        return Err(State::Missing(path.to_owned()));
    }
    gguf::check(path).map_err(|reason| refused(path, &reason))?;
    let started = std::time::Instant::now();
    isolation::try_out(path, || shared.queue.is_closed()).map_err(|reason| refused(path, &reason))?;
    let (backend, model) = load(path).map_err(|reason| refused(path, &reason))?;
    let model = Arc::new(model);
    let mut worker = Worker::new(&model, backend, threads).map_err(|reason| refused(path, &reason))?;
    worker.try_out().map_err(|reason| refused(path, &reason))?;
    info!(path = %path.display(), threads, took = ?started.elapsed(), "the local model is ready");
    shared.set(State::Ready(Arc::clone(&model)));
    worker.work(&shared.queue);
    Ok(())
}

/// Loads a file. An error completes the sentence "The file …".
fn load(path: &Path) -> Result<(&'static LlamaBackend, LlamaModel), String> {
    // llama.cpp is built for it (its default); without it the first token would end the whole program.
    #[cfg(target_arch = "x86_64")]
    if !std::arch::is_x86_feature_detected!("avx2") {
        return Err("needs a processor with AVX2".to_owned());
    }
    let backend = backend().as_ref().map_err(|error| format!("cannot be run: {error}"))?;
    // The weights stay in the file and are mapped: the system may share them and take their memory back.
    let model = LlamaModel::load_from_file(backend, path, &LlamaModelParams::default())
        .map_err(|error| format!("cannot be used by llama.cpp ({error}); RUST_LOG=llama-cpp-2=debug says why"))?;
    Ok((backend, model))
}

/// Loads a file and lets it begin an answer, as a server would.
pub(super) fn try_file(path: &Path) -> Result<(), String> {
    gguf::check(path)?;
    let (backend, model) = load(path)?;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Worker::new(&model, backend, threads)?.try_out()
}

/// A file that does not chat. `reason` completes the sentence "The file …".
fn refused(path: &Path, reason: &str) -> State {
    let reason = format!("LOCAL_MODEL: {} {reason}", path.display());
    warn!(reason, "no local model");
    State::Failed(reason)
}

/// llama.cpp is set up once per process and stays.
pub(super) fn backend() -> &'static Result<LlamaBackend, String> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    BACKEND.get_or_init(|| {
        // It writes hundreds of lines at level info, so they come only to those who ask for its debug lines.
        let wanted = tracing::enabled!(target: "llama-cpp-2", tracing::Level::DEBUG);
        send_logs_to_tracing(LogOptions::default().with_logs_enabled(wanted));
        LlamaBackend::init().map_err(|error| error.to_string())
    })
}

/// Tokens that one conversation with this model may take.
pub(super) fn window_of(model: &LlamaModel) -> u32 {
    WINDOW.min(model.n_ctx_train())
}

struct Worker<'model> {
    model: &'model LlamaModel,
    backend: &'static LlamaBackend,
    prompter: Prompter<'model>,
    window: u32,
    threads: i32,
}

impl<'model> Worker<'model> {
    fn new(model: &'model LlamaModel, backend: &'static LlamaBackend, threads: usize) -> Result<Self, String> {
        let window = window_of(model);
        Ok(Self {
            model,
            backend,
            prompter: Prompter::new(model, window as usize)?,
            window,
            threads: i32::try_from(threads).unwrap_or(i32::MAX),
        })
    }

    /// Reads one short prompt, so that what is wrong with the file is known before anybody asks.
    fn try_out(&self) -> Result<(), String> {
        const NOTHING: &str = "gives no answer: what it reckons are no numbers";
        let prompt = self.prompter.build(&[Turn::new(Role::User, "Hi")], 1).tokens;
        let mut context = self.new_context()?;
        let mut batch = LlamaBatch::new(STEP_TOKENS + SLOTS as usize, 1);
        // A template that is longer than a step is tried as far as it goes.
        let read = &prompt[..prompt.len().min(STEP_TOKENS)];
        for (position, token) in (0..).zip(read) {
            let is_last = usize::try_from(position).is_ok_and(|position| position + 1 == read.len());
            batch.add(*token, position, &[sequence(0)], is_last).map_err(|error| error.to_string())?;
        }
        context.decode(&mut batch).map_err(|error| format!("cannot be run: {error}"))?;
        let output = batch.n_tokens() - 1;
        if can_be_drawn_from(context.get_logits_ith(output)) { Ok(()) } else { Err(NOTHING.to_owned()) }
    }

    /// Serves the queue until it is closed.
    fn work(&mut self, queue: &Queue) {
        while queue.wait(None) == Wake::Work {
            match self.new_context() {
                Ok(context) => Session::new(self, context).serve(queue),
                Err(error) => queue.fail_waiting(&ProviderError::Unavailable(error)),
            }
        }
    }

    fn new_context(&self) -> Result<LlamaContext<'model>, String> {
        let step = u32::try_from(STEP_TOKENS).unwrap_or(u32::MAX);
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(self.window * SLOTS))
            .with_n_seq_max(SLOTS)
            .with_n_batch(step + SLOTS)
            .with_n_ubatch(step)
            .with_n_threads(self.threads)
            .with_n_threads_batch(self.threads)
            .with_no_perf(true);
        let context = self.model.new_context(self.backend, params);
        context.map_err(|error| format!("llama.cpp made no context: {error}"))
    }
}

/// The time during which a context exists: from a first request until it has been quiet for `IDLE`.
struct Session<'worker, 'model> {
    worker: &'worker Worker<'model>,
    context: LlamaContext<'model>,
    batch: LlamaBatch<'static>,
    slots: Vec<Slot>,
    requests: u64,
}

impl<'worker, 'model> Session<'worker, 'model> {
    fn new(worker: &'worker Worker<'model>, context: LlamaContext<'model>) -> Self {
        Self {
            worker,
            context,
            batch: LlamaBatch::new(STEP_TOKENS + SLOTS as usize, 1),
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            requests: 0,
        }
    }

    fn serve(mut self, queue: &Queue) {
        loop {
            self.slots.iter_mut().for_each(Slot::free_if_abandoned);
            while self.slots.iter().any(Slot::is_free)
                && let Some(job) = queue.pop()
            {
                self.admit(job);
            }
            if queue.is_closed() {
                return;
            }
            if self.slots.iter().all(Slot::is_free) {
                match queue.wait(Some(IDLE)) {
                    Wake::Work => continue,
                    Wake::TimedOut | Wake::Closed => return,
                }
            }
            if let Err(error) = self.step() {
                warn!(%error, "the local model could not go on");
                self.fail_replies(&ProviderError::Unavailable(error));
                // The cache is in an unknown state; the next request gets a new one.
                return;
            }
        }
    }

    /// Puts a request into the free slot that already holds the most of its prompt.
    fn admit(&mut self, job: Job) {
        let max_output = job.request.max_output_tokens();
        if job.request.must_fit && !self.worker.prompter.fits(&job.request.turns, max_output) {
            let reason = "the question and what the system says".to_owned();
            let error = ProviderError::TooLong { reason, window: Some(self.worker.window) };
            // Whoever asked may have gone.
            drop(job.events.unbounded_send(Err(error)));
            return;
        }
        let Prompt { tokens: prompt, is_cut } = self.worker.prompter.build(&job.request.turns, max_output);
        if is_cut {
            // Whoever asked may have gone.
            drop(job.events.unbounded_send(Ok(ProviderEvent::Shortened)));
        }
        let limit = (self.worker.window as usize - prompt.len()).min(max_output as usize);

        let free = self.slots.iter_mut().enumerate().filter(|(_, slot)| slot.is_free());
        // Among equals the one that lay idle longest: its conversation is the least likely to go on.
        let best = free.max_by_key(|(_, slot)| (slot.common_prefix(&prompt), std::cmp::Reverse(slot.used)));
        let Some((id, slot)) = best else {
            return;
        };
        self.requests += 1;
        slot.used = self.requests;
        let prefix = slot.common_prefix(&prompt);
        slot.keep_prefix(&mut self.context, sequence(id).unsigned_abs(), prefix);
        let pending = prompt[slot.cached.len()..].to_vec();
        let mut sampling = job.request.sampling;
        sampling.stop.extend(self.worker.prompter.ends().map(str::to_owned));
        let mut reply = Reply::new(job.events, prompt.len(), pending, limit, sampling, &self.worker.model.vocab());
        if limit == 0 {
            reply.finish(Finish::Limit);
        } else {
            slot.reply = Some(reply);
        }
    }

    /// Decodes one batch and lets every reply that got an output go on by a token.
    fn step(&mut self) -> Result<(), String> {
        let taken = self.fill_batch()?;
        self.context.decode(&mut self.batch).map_err(|error| error.to_string())?;

        let vocab = self.worker.model.vocab();
        let mut outputs_end = 0;
        for (slot, taken) in self.slots.iter_mut().zip(taken) {
            let Some(reply) = slot.reply.as_mut().filter(|_| taken > 0) else {
                continue;
            };
            slot.cached.extend(reply.pending.drain(..taken));
            outputs_end += i32::try_from(taken).unwrap_or(i32::MAX);
            if reply.pending.is_empty() && !reply.advance(&self.context, outputs_end - 1, &vocab) {
                slot.reply = None;
            }
        }
        Ok(())
    }

    /// Fills the batch; says how many tokens each slot has in it, in order.
    fn fill_batch(&mut self) -> Result<Vec<usize>, String> {
        let pending = |slot: &Slot| slot.reply.as_ref().map_or(0, |reply| reply.pending.len());
        let writing = self.slots.iter().filter(|slot| pending(slot) == 1).count();
        let mut reading = self.slots.iter().filter(|slot| pending(slot) > 1).count();
        let mut room = if writing == 0 { STEP_TOKENS } else { SHARED_STEP_TOKENS };

        self.batch.clear();
        let mut taken = Vec::with_capacity(self.slots.len());
        for (id, slot) in self.slots.iter().enumerate() {
            let pending = slot.reply.as_ref().map_or(&[][..], |reply| &reply.pending);
            let mut take = pending.len();
            if take > 1 {
                take = take.min(room / reading);
                room -= take;
                reading -= 1;
            }
            for (offset, token) in pending[..take].iter().enumerate() {
                let position = i32::try_from(slot.cached.len() + offset).map_err(|error| error.to_string())?;
                let wants_output = offset + 1 == pending.len();
                let added = self.batch.add(*token, position, &[sequence(id)], wants_output);
                added.map_err(|error| error.to_string())?;
            }
            taken.push(take);
        }
        Ok(taken)
    }

    fn fail_replies(&mut self, error: &ProviderError) {
        for reply in self.slots.iter_mut().filter_map(|slot| slot.reply.take()) {
            // A reader that has left needs no answer.
            let _ = reply.events.unbounded_send(Err(error.clone()));
        }
    }
}

/// llama.cpp's number for the sequence in a slot.
fn sequence(slot: usize) -> i32 {
    i32::try_from(slot).unwrap_or(i32::MAX)
}
