//! What the user asked, and the way to ask it otherwise.

use std::fmt::Write;

use leptos::either::Either;
use leptos::prelude::*;

use super::branch_button::BranchButton;
use super::message_editor::editor;
use crate::chat::browser::thread::{Entry, Thread};
use crate::chat::{ImageRef, Message};
use crate::i18n::{Text, fill, t};
use crate::ui::{IconButton, IconName};

/// A line of the conversation that the user wrote.
#[component]
pub fn UserMessage(
    /// The chat page.
    thread: Thread,
    /// The message.
    entry: Entry,
) -> impl IntoView {
    let Entry { key, message, editing } = entry;
    let (editing, message) = (RwSignal::from(editing), RwSignal::from(message));
    let versions = Signal::derive(move || {
        versions_html(&message.read(), thread.conversation.read().as_deref().unwrap_or_default())
    });
    // It never changes: an edited message is another one.
    let (text, images) = {
        let message = message.read_untracked();
        (message.content.clone(), images_html(&message.images))
    };
    let content = move || {
        if let (true, Some(editor)) = (editing.get(), editor(thread)) {
            return Either::Left(editor);
        }
        let text = text.clone();
        let edit = {
            let text = text.clone();
            move |_| thread.edit(key, text.clone())
        };
        Either::Right(view! {
            <div class="flex items-start justify-end gap-1">
                <IconButton
                    icon=IconName::Pencil
                    label=t(Text::Edit)
                    class="size-8 reveal"
                    on_click=edit
                    disabled=thread.busy
                />
                <BranchButton thread key />
                <p dir="auto" class="max-w-[85%] min-w-0 rounded-md bg-sunken px-4 py-2 break-words whitespace-pre-wrap [unicode-bidi:plaintext]">{text}</p>
            </div>
        })
    };
    view! {
        <li class="min-w-0" data-author="user" data-state="complete">
            <h2 class="sr-only">{t(Text::You)}</h2>
            <div class="mb-2 flex flex-wrap justify-end gap-2 empty:hidden" inner_html=images></div>
            {content}
            <div class="mt-1 flex justify-end empty:hidden" inner_html=versions></div>
        </li>
    }
}

/// Which of its versions a message is, and the way to the others: a form, which works without a script. A press is the
/// list's business (`message_list.rs`).
fn versions_html(message: &Message, conversation: &str) -> String {
    let Message { id, versions, .. } = message;
    let Some(at) = versions.iter().position(|version| version == id) else { return String::new() };
    let (number, count) = ((at + 1).to_string(), versions.len().to_string());
    let label = fill(Text::VersionOf, &[("number", &number), ("count", &count)]);
    let button = |text, mark, to: Option<usize>| {
        let to = to.and_then(|to| versions.get(to)).filter(|to| !to.is_empty());
        let (value, disabled) = to.map_or(("", " disabled"), |to| (to, ""));
        format!(
            "<button name=\"messageId\" value=\"{value}\" aria-label=\"{0}\" title=\"{0}\" class=\"size-8 rounded-md \
             hover:bg-sunken hover:text-ink disabled:opacity-50\"{disabled}>{mark}</button>",
            t(text)
        )
    };
    format!(
        "<form method=\"post\" action=\"/chat/{conversation}/versions\"><div data-version=\"{id}\" role=\"group\" \
         aria-label=\"{label}\" class=\"flex items-center text-sm text-ink-soft tabular-nums\">{}\
         <span aria-hidden=\"true\">{number} / {count}</span>{}</div></form>",
        button(Text::PreviousVersion, '‹', at.checked_sub(1)),
        button(Text::NextVersion, '›', Some(at + 1)),
    )
}

/// What was shown, in boxes whose size does not wait for it. The ids are the server's, or data URLs that the browser made.
fn images_html(images: &[ImageRef]) -> String {
    let mut html = String::new();
    for (index, ImageRef { id, .. }) in images.iter().enumerate() {
        let folder = if id.starts_with("data:") { "" } else { "/api/chat/attachments/" };
        let alt = fill(Text::ImageNumber, &[("number", &(index + 1).to_string())]);
        // Writing to memory does not fail.
        _ = write!(
            html,
            r#"<a href="{folder}{id}" target="_blank" class="cursor-zoom-in rounded-md"><img src="{folder}{id}" alt="{alt}" width="160" height="160" class="size-40 rounded-md border border-line object-cover"></a>"#
        );
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_shown_from_where_it_is() {
        let image = |id: &str| ImageRef { id: id.to_owned(), media_type: "image/png".to_owned() };
        let html = images_html(&[image("1"), image("data:image/png;base64,AA==")]);
        assert!(html.contains(r#"href="/api/chat/attachments/1" target="_blank""#), "{html}");
        assert!(html.contains(r#"src="/api/chat/attachments/1" alt="Image 1" width="160""#), "{html}");
        assert!(html.contains(r#"src="data:image/png;base64,AA==" alt="Image 2""#), "{html}");
        assert_eq!(images_html(&[]), "");
    }
}
