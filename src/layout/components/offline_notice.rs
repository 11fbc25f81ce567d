//! What one is told while the browser has no connection.

use leptos::{ev, prelude::*};

use crate::i18n::{Text, t};
use crate::ui::{Icon, IconName};

/// A line below the header, which the style sheet shows while `<html>` says that the browser is offline. Only the server
/// makes it.
#[component]
pub fn OfflineNotice() -> impl IntoView {
    view! {
        <div role="status">
            <p class="hidden items-center justify-center gap-2 border-b border-line bg-warning-soft px-4 py-2 text-sm text-warning in-data-offline:flex">
                <Icon name=IconName::Warning class="size-4 shrink-0" />
                {t(Text::Offline)}
            </p>
        </div>
    }
}

/// Has `<html>` say whether the browser is offline.
pub fn follow_connection() {
    if cfg!(target_arch = "wasm32") {
        let say = |is_offline| {
            if let Some(root) = document().document_element() {
                // It fails only for an invalid name.
                drop(root.toggle_attribute_with_force("data-offline", is_offline));
            }
        };
        say(!window().navigator().on_line());
        window_event_listener(ev::online, move |_| say(false));
        window_event_listener(ev::offline, move |_| say(true));
    }
}
