//! What talks to the server about replies and who writes them, as a chunk of its own: nobody needs it before there is something to send, to
//! follow or to load. Here are its doors; what is behind them is in `send.rs`, `request.rs`, `stream.rs`,
//! `older.rs`, `versions.rs`, `lightbox.rs`, `provider_choice.rs` and `client.rs`.

use std::future::Future;
use std::pin::Pin;

use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};
use web_sys::Element;

use super::send::Question;
use super::thread::{Entry, Thread};
use super::{
    catch_up, client, estimate, image_input, lightbox, older, provider_choice, receipts, send, stream, versions,
};
use crate::chat::Conversation;
use crate::platform::browser::api::Failure;

type Work<T> = Pin<Box<dyn Future<Output = T>>>;

/// What there is to do.
enum Task {
    Ask(Question),
    Attach(Entry),
    Stop(String),
    Branch(u32),
    Choose(Element),
    OfferAgain,
    OpenImage(Element),
    Older,
    Find(String),
    CatchUp,
    OpenProviders,
    OpenReceipt(Element),
    Estimate,
    Prepare,
}

/// Fetches the chunk; who is about to write will need it.
pub(super) fn prepare(thread: Thread) {
    spawn_local(run(thread, 0, Task::Prepare));
}

/// Sends a question and follows its reply.
pub(super) fn ask(thread: Thread, question: Question) {
    spawn_local(run(thread, 0, Task::Ask(question)));
}

/// Brings the panel of providers to life.
pub(super) fn open_providers(thread: Thread) {
    spawn_local(run(thread, 0, Task::OpenProviders));
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

/// Shows the version that a button names.
pub(super) fn choose_version(thread: Thread, button: Element) {
    spawn_local(run(thread, 0, Task::Choose(button)));
}

/// Brings the list of models to ask again to life.
pub(super) fn offer_again(thread: Thread) {
    spawn_local(run(thread, 0, Task::OfferAgain));
}

/// Shows the image of a link as large as the window lets it be.
pub(super) fn open_image(thread: Thread, link: Element) {
    spawn_local(run(thread, 0, Task::OpenImage(link)));
}

/// Shows all of the receipt that was opened.
pub(super) fn open_receipt(thread: Thread, details: Element) {
    spawn_local(run(thread, 0, Task::OpenReceipt(details)));
}

/// Asks what the draft would cost.
pub(super) fn estimate(thread: Thread) {
    spawn_local(run(thread, 0, Task::Estimate));
}

/// Puts messages before those on the screen.
pub(super) fn load_older(thread: Thread, turn: u32) {
    spawn_local(run(thread, turn, Task::Older));
}

/// Goes to a message of the conversation that is shown, or about to be.
pub(super) fn find(thread: Thread, message: String) {
    spawn_local(run(thread, 0, Task::Find(message)));
}

/// Shows what came into the conversation elsewhere.
pub(super) fn catch_up(thread: Thread, turn: u32) {
    spawn_local(run(thread, turn, Task::CatchUp));
}

/// A conversation with its newest messages.
pub(super) async fn load_conversation(id: String) -> Result<Conversation, Failure> {
    match start_loading(id).await {
        Ok(loading) => loading.await,
        Err(_) => Err(Failure::default()),
    }
}

async fn run(thread: Thread, turn: u32, task: Task) {
    let is_early = matches!(task, Task::Prepare | Task::CatchUp | Task::Estimate);
    let unsent = if let Task::Ask(Question::Draft(draft)) = &task { Some(draft.clone()) } else { None };
    match start(thread, turn, task).await {
        Ok(work) => work.await,
        // Nobody has asked for anything yet.
        Err(_) if is_early => {}
        Err(_) => {
            if let Some(draft) = unsent {
                thread.put_back(draft);
            }
            thread.fail(Failure::default());
        }
    }
}

#[wasm_split(chat_client, wasm_split_path = leptos::wasm_split, fallible)]
fn start(thread: Thread, turn: u32, task: Task) -> Result<Work<()>, SplitLoaderError> {
    provider_choice::watch(thread.workspace);
    Ok(match task {
        Task::Ask(question) => {
            // Images that were picked before anybody listened belong to it.
            image_input::prepare(thread);
            Box::pin(send::ask(thread, question))
        }
        Task::Attach(entry) => Box::pin(stream::attach(thread, turn, entry)),
        Task::Stop(id) => Box::pin(stream::stop(thread, id)),
        Task::Branch(key) => Box::pin(stream::branch(thread, key)),
        Task::Choose(button) => Box::pin(versions::choose(thread, button)),
        Task::OfferAgain => Box::pin(versions::offer_again(thread)),
        Task::OpenImage(link) => Box::pin(lightbox::open(thread, link)),
        Task::Older => Box::pin(older::load_for(thread, turn)),
        Task::Find(message) => Box::pin(older::find(thread, message)),
        Task::CatchUp => Box::pin(catch_up::catch_up(thread, turn)),
        Task::Prepare => Box::pin(async move { image_input::prepare(thread) }),
        Task::OpenReceipt(details) => Box::pin(receipts::open(thread, details)),
        Task::Estimate => Box::pin(estimate::ask(thread)),
        Task::OpenProviders => Box::pin(provider_choice::open(thread.workspace)),
    })
}

#[wasm_split(chat_client, wasm_split_path = leptos::wasm_split, fallible)]
fn start_loading(id: String) -> Result<Work<Result<Conversation, Failure>>, SplitLoaderError> {
    Ok(Box::pin(async move { client::load_conversation(&id, "", 0).await }))
}
