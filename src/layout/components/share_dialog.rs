//! The secret link to a conversation.

use leptos::{ev, prelude::*, task::spawn_local};
use web_sys::HtmlInputElement;

use super::conversation_tools::{Problem, Tools};
use crate::i18n::{Text, t};
use crate::layout::client::{share_conversation, unshare_conversation};
use crate::ui::{Button, ButtonVariant, Dialog, copy_text};

/// Makes the link, shows it once, and ends it.
#[component]
pub fn ShareDialog(
    /// What is shared with the menu.
    tools: Tools,
    /// Whether it is shown.
    open: RwSignal<bool>,
) -> impl IntoView {
    // Known only to whoever has just made it.
    let url = RwSignal::new(String::new());
    let copied = RwSignal::new(false);
    Effect::new(move |_| {
        if open.get() {
            url.set(String::new());
        }
    });
    let is_shared = Signal::derive(move || tools.of_chosen(|known| known.shared) == Some(true));
    let has_no_link = Signal::derive(move || url.read().is_empty());
    let make = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let id = tools.chosen.get_untracked();
        spawn_local(async move {
            if let Some(made) = tools.accepted(share_conversation(&id).await) {
                copied.set(false);
                url.set(made);
                tools.update(&id, |known| known.shared = true);
            }
        });
    };
    let revoke = move |_| {
        let id = tools.chosen.get_untracked();
        spawn_local(async move {
            if tools.accepted(unshare_conversation(&id).await).is_some() {
                url.set(String::new());
                tools.update(&id, |known| known.shared = false);
            }
        });
    };
    let copy = move |_| {
        let link = url.get_untracked();
        spawn_local(async move { copied.set(copy_text(&link).await) });
    };
    let select_all = |event: ev::FocusEvent| event_target::<HtmlInputElement>(&event).select();
    let text = move || {
        if is_shared.get() { t(Text::SharedExplained) } else { t(Text::ShareExplained) }
    };
    view! {
        <Dialog id="share-dialog" open title=t(Text::ShareConversation)>
            <form class="space-y-4" on:submit=make>
                <Problem tools />
                <p class="text-ink-soft" role="status">{text}</p>
                <div class="flex gap-2" hidden=has_no_link>
                    <input
                        class="h-10 min-w-0 flex-1 rounded-md border border-line-strong bg-sunken px-3 text-sm"
                        aria-label=t(Text::Link)
                        readonly
                        prop:value=url
                        on:focus=select_all
                    />
                    {move || view! { <Button label=t(if copied.get() { Text::Copied } else { Text::Copy }) on_click=copy /> }}
                </div>
                <div class="flex flex-wrap justify-end gap-2">
                    <Button
                        label=t(Text::RevokeLink)
                        variant=ButtonVariant::Danger
                        class="mr-auto"
                        on_click=revoke
                        hidden=Signal::derive(move || !is_shared.get())
                    />
                    <Button label=t(Text::Close) on_click=move |_| open.set(false) />
                    {move || {
                        let label = t(if is_shared.get() { Text::NewLink } else { Text::CreateLink });
                        view! { <Button label variant=ButtonVariant::Primary kind="submit" /> }
                    }}
                </div>
            </form>
        </Dialog>
    }
}
