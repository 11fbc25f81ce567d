//! An answer while it is being written: Markdown, rendered in the browser at most once per frame.
//!
//! The renderer is a WASM chunk of its own, loaded when the composer is first used; until it is there, the text is shown
//! as it comes. Blocks that are final are put into the page once; only the last one is rendered again and again.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::{html, lazy};

use crate::chat::markdown::{escape, last_block, to_html};
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

#[lazy]
fn render_markdown(text: String) -> Rendered {
    let at = last_block(&text);
    Rendered { finished: to_html(&text[..at]), finished_bytes: at, last: to_html(&text[at..]) }
}

/// Fetches the renderer, so that it is there when the answer comes.
pub fn preload_renderer() {
    spawn_local(async { drop(render_markdown(String::new()).await) });
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
    let page = Page {
        message,
        last: NodeRef::new(),
        ready: RwSignal::new(false),
        progress: StoredValue::new(Progress::default()),
    };
    // An answer that has ended without a text needs no renderer.
    let has_text = Memo::new(move |_| message.with(|it| it.state == MessageState::Running || !it.content.is_empty()));
    Effect::new(move |_| {
        if has_text.get() {
            spawn_local(async move {
                drop(render_markdown(String::new()).await);
                if page.ready.try_set(true).is_none() {
                    page.changed();
                }
            });
        }
    });
    Effect::new(move |_| {
        message.track();
        page.changed();
    });
    let mut so_far = String::new();
    message.with_untracked(|message| escape(&message.content, &mut so_far));
    view! {
        <div class="markdown" data-live=move || message.with(|it| it.state == MessageState::Running).then_some("")>
            <div node_ref=page.last class:whitespace-pre-wrap=move || !page.ready.get() inner_html=so_far></div>
        </div>
    }
}

#[derive(Clone, Copy)]
struct Page {
    message: RwSignal<Message>,
    /// Holds the block that is being written; the finished ones stand before it.
    last: NodeRef<html::Div>,
    ready: RwSignal<bool>,
    progress: StoredValue<Progress>,
}

impl Page {
    /// Asks for a frame, unless there will be one anyway.
    fn changed(self) {
        let ask = self.progress.try_update_value(|progress| {
            progress.stale = true;
            !std::mem::replace(&mut progress.pending, true)
        });
        if ask == Some(true) {
            self.ask();
        }
    }

    fn ask(self) {
        request_animation_frame(move || spawn_local(self.show()));
    }

    async fn show(self) {
        let shown = self.progress.try_update_value(|progress| {
            progress.stale = false;
            progress.shown
        });
        // The page may be gone after each wait.
        let (Some(mut shown), Some(Some(last))) = (shown, self.last.try_get_untracked()) else { return };
        let began = js_sys::Date::now();
        if self.ready.try_get_untracked() == Some(true) {
            let rest = self.message.try_with_untracked(|message| message.content.get(shown..).map(str::to_owned));
            let Some(rest) = rest else { return };
            if let Some(rest) = rest {
                let rendered = render_markdown(rest).await;
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
                self.progress.try_update_value(|progress| progress.stale = true);
            }
        } else {
            self.message.try_with_untracked(|message| last.set_text_content(Some(&message.content)));
        }
        let again = self.progress.try_update_value(|progress| {
            progress.shown = shown;
            progress.pending = progress.stale;
            progress.stale
        });
        if again == Some(true) {
            // A block that takes long to render, such as a file of thousands of lines, is not rendered on each frame.
            let took = js_sys::Date::now() - began;
            let pause = if took > 40.0 {
                400
            } else if took > 8.0 {
                60
            } else {
                0
            };
            set_timeout(move || self.ask(), Duration::from_millis(pause));
        }
    }
}
