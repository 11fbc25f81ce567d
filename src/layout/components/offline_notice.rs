//! What one is told while the browser has no connection, or the site does not answer.

use leptos::{ev, prelude::*};

use crate::i18n::{Text, t};
use crate::platform::browser::reach::RETRY_ID;
use crate::ui::{Icon, IconName};

/// A line below the header, which the style sheet shows while `<html>` says that the browser is offline, or that something was
/// wanted of the site and it does not answer ([`crate::platform::browser::reach`]). Only the server makes it.
#[component]
pub fn OfflineNotice() -> impl IntoView {
    view! {
        <div role="status">
            <p class="hidden items-center justify-center gap-2 border-b border-line bg-warning-soft px-4 py-2 text-sm text-warning in-[[data-offline]:not([data-unreachable])]:flex">
                <Icon name=IconName::Warning class="size-4 shrink-0" />
                {t(Text::Offline)}
            </p>
            <div class="hidden flex-wrap items-center justify-center gap-x-4 gap-y-1 border-b border-line bg-warning-soft px-4 py-2 text-sm text-warning in-data-unreachable:flex">
                <p class="flex items-center gap-2">
                    <Icon name=IconName::Warning class="size-4 shrink-0" />
                    {t(Text::NoAnswerYet)}
                </p>
                <button id=RETRY_ID type="button" class="rounded-md font-medium underline">
                    {t(Text::TryAgain)}
                </button>
            </div>
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
