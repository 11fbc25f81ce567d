//! An answer while it is being written: Markdown, rendered in the browser at most once per frame.
//!
//! The renderer is a chunk of its own, loaded when an answer begins: who only writes does not wait for it. Until it is
//! there, and if it cannot be loaded, the text is shown as it comes. Blocks that are final are put into the page once; only the last one is rendered again and again.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use crate::chat::browser::markdown::{escape, last_block, to_html, unfinished_to_html};
use crate::chat::{Message, MessageState};

/// A part of an answer as HTML.
struct Rendered {
    /// The blocks that will not change any more.
    finished: String,
    /// How much of the text they are.
    finished_bytes: usize,
    /// The block that is being written.
    last: String,
}

#[wasm_split(markdown, wasm_split_path = leptos::wasm_split, fallible)]
fn render_markdown(text: String, is_running: bool) -> Result<Rendered, SplitLoaderError> {
    let at = last_block(&text);
    let last = if is_running { unfinished_to_html } else { to_html };
    Ok(Rendered { finished: to_html(&text[..at]), finished_bytes: at, last: last(&text[at..]) })
}

/// How far the page shows the answer.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// So many bytes of the text are in the page for good.
    shown: usize,
    /// The text has changed since.
    stale: bool,
    /// A frame is asked for, or being made.
    pending: bool,
}

/// The answer so far.
#[component]
pub fn LiveMarkdown(
    /// The answer.
    message: RwSignal<Message>,
) -> impl IntoView {
    let page = Page { message, last: NodeRef::new(), ready: RwSignal::new(false) };
    let mut so_far = String::new();
    escape(&message.read_untracked().content, &mut so_far);
    let progress = Rc::<Cell<Progress>>::default();
    Effect::new(move |ran: Option<()>| {
        let message = message.read();
        // An answer that has ended without a text needs no renderer.
        if ran.is_none() && (message.state == MessageState::Running || !message.content.is_empty()) {
            spawn_local(page.get_ready(progress.clone()));
        }
        page.changed(&progress);
    });
    view! {
        <div class="markdown">
            <div node_ref=page.last dir="auto" class="whitespace-pre-wrap" inner_html=so_far></div>
        </div>
    }
}

#[derive(Clone, Copy)]
struct Page {
    message: RwSignal<Message>,
    /// Holds the block that is being written; the finished ones stand before it.
    last: NodeRef<html::Div>,
    ready: RwSignal<bool>,
}

impl Page {
    async fn get_ready(self, progress: Rc<Cell<Progress>>) {
        let loaded = render_markdown(String::new(), true).await.is_ok();
        if loaded && self.ready.try_set(true).is_none() {
            if let Some(last) = self.last.get_untracked() {
                last.set_class_name("");
            }
            self.changed(&progress);
        }
    }

    /// Asks for a frame, unless there will be one anyway.
    fn changed(self, progress: &Rc<Cell<Progress>>) {
        let before = progress.get();
        progress.set(Progress { stale: true, pending: true, ..before });
        if !before.pending {
            self.ask(progress.clone());
        }
    }

    fn ask(self, progress: Rc<Cell<Progress>>) {
        request_animation_frame(move || spawn_local(self.show(progress)));
    }

    async fn show(self, progress: Rc<Cell<Progress>>) {
        progress.set(Progress { stale: false, ..progress.get() });
        let mut shown = progress.get().shown;
        // The page may be gone after each wait.
        let Some(Some(last)) = self.last.try_get_untracked() else { return };
        let began = js_sys::Date::now();
        if self.ready.try_get_untracked() == Some(true) {
            let Some(message) = self.message.try_read_untracked() else { return };
            let rest = message.content.get(shown..).map(str::to_owned);
            let is_running = message.state == MessageState::Running;
            drop(message);
            if let Some(rest) = rest {
                // It is loaded: the page is ready.
                let Ok(rendered) = render_markdown(rest, is_running).await else { return };
                // Neither can fail: the element is in the document, as it is ours.
                drop(last.insert_adjacent_html("beforebegin", &rendered.finished));
                last.set_inner_html(&rendered.last);
                shown += rendered.finished_bytes;
            } else {
                // It is replayed from its start.
                while let Some(finished) = last.previous_element_sibling() {
                    finished.remove();
                }
                shown = 0;
                progress.set(Progress { stale: true, ..progress.get() });
            }
        } else {
            let Some(message) = self.message.try_read_untracked() else { return };
            last.set_text_content(Some(&message.content));
        }
        let stale = progress.get().stale;
        progress.set(Progress { shown, stale, pending: stale });
        if stale {
            // A block that takes long to render, such as a file of thousands of lines, is not rendered on each frame.
            let took = js_sys::Date::now() - began;
            let pause = if took > 40.0 {
                400
            } else if took > 8.0 {
                60
            } else {
                0
            };
            set_timeout(move || self.ask(progress), Duration::from_millis(pause));
        }
    }
}
