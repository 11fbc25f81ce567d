//! What talks to the server about replies, as a chunk of its own: nobody needs it before there is something to send, to
//! follow or to load. Here are its doors; what is behind them is in `follow.rs` and `client.rs`.

use std::future::Future;
use std::pin::Pin;

use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use super::client::ChatFailure;
use super::follow::Sending;
use super::thread::{Entry, Thread};
use super::{ChatRequest, Conversation, client, follow};
use crate::error::{AppError, AppResult};

type Work<T> = Pin<Box<dyn Future<Output = T>>>;

/// What can be done about a reply.
enum Task {
    Send(ChatRequest, Sending),
    Attach(Entry),
    Stop(String),
    Branch(u32),
}

/// Fetches the chunk; whoever is about to write will need it.
pub(super) fn prepare() {
    spawn_local(async { drop(load_chunk().await) });
}

/// Sends a message and follows its reply.
pub(super) fn send(thread: Thread, turn: u32, request: ChatRequest, sending: Sending) {
    spawn_local(async move {
        if load_chunk().await.is_err() {
            return thread.undo(sending, request.message, ChatFailure::unreachable());
        }
        run(thread, turn, Task::Send(request, sending)).await;
    });
}

/// Follows a reply that was being written when the page was loaded.
pub(super) fn attach(thread: Thread, turn: u32, entry: Entry) {
    spawn_local(run(thread, turn, Task::Attach(entry)));
}

/// Stops a reply.
pub(super) fn stop(thread: Thread, id: String) {
    spawn_local(run(thread, 0, Task::Stop(id)));
}

/// Goes on in another conversation from the message with this key.
pub(super) fn branch(thread: Thread, key: u32) {
    spawn_local(run(thread, 0, Task::Branch(key)));
}

/// A conversation with its messages.
pub(super) async fn load_conversation(id: String) -> AppResult<Conversation> {
    match start_loading(id).await {
        Ok(loading) => loading.await,
        Err(_) => Err(AppError::Unavailable),
    }
}

async fn run(thread: Thread, turn: u32, task: Task) {
    match start(thread, turn, task).await {
        Ok(work) => work.await,
        Err(_) => {
            thread.fail(ChatFailure::unreachable());
        }
    }
}

#[wasm_split(chat_client, wasm_split_path = leptos::wasm_split, fallible)]
fn load_chunk() -> Result<(), SplitLoaderError> {
    Ok(())
}

#[wasm_split(chat_client, wasm_split_path = leptos::wasm_split, fallible)]
fn start(thread: Thread, turn: u32, task: Task) -> Result<Work<()>, SplitLoaderError> {
    Ok(match task {
        Task::Send(request, sending) => Box::pin(follow::send(thread, turn, request, sending)),
        Task::Attach(entry) => Box::pin(follow::attach(thread, turn, entry)),
        Task::Stop(id) => Box::pin(follow::stop(thread, id)),
        Task::Branch(key) => Box::pin(follow::branch(thread, key)),
    })
}

#[wasm_split(chat_client, wasm_split_path = leptos::wasm_split, fallible)]
fn start_loading(id: String) -> Result<Work<AppResult<Conversation>>, SplitLoaderError> {
    Ok(Box::pin(async move { client::load_conversation(&id).await }))
}
