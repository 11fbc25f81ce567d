//! What is announced, below the header of every page. HTML of the server: it adds nothing to what the browser loads.

use leptos::prelude::*;

use crate::flags::{Announced, AnnouncementKind, current_announcement};
use crate::i18n::{Text, t};
use crate::ui::html_of;

/// The line for the visitor of this request, who comes back to `next` after closing it; empty where there is nothing to tell.
#[must_use]
pub fn announcement_html(next: &str) -> String {
    current_announcement().map_or_else(String::new, |announced| html_of(|| announcement(&announced, Some(next))))
}

/// The line; without `next`, it cannot be closed.
pub fn announcement(announced: &Announced, next: Option<&str>) -> impl IntoView + use<> {
    let tone = match announced.announcement.kind {
        AnnouncementKind::Info => "bg-accent-soft text-ink",
        AnnouncementKind::Warning => "bg-warning-soft text-warning",
    };
    let close = next.filter(|_| announced.announcement.dismissible).map(|next| {
        view! {
            <form method="post" action="/notices">
                <input type="hidden" name="announcement" value=announced.version.to_string() />
                <input type="hidden" name="next" value=next.to_owned() />
                <button class="rounded-md font-medium underline">{t(Text::NoticeSeen)}</button>
            </form>
        }
    });
    view! {
        <div
            role="status"
            data-announcement=announced.version.to_string()
            class=format!(
                "flex shrink-0 flex-wrap items-center justify-center gap-x-4 gap-y-1 border-b border-line px-4 py-2 text-sm {tone}",
            )
        >
            <p class="min-w-0 break-words">{announced.text().to_owned()}</p>
            {close}
        </div>
    }
}
