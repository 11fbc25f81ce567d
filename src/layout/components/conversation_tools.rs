//! What the sidebar does besides listing: the lines of the menu of a conversation, the dialogs that they lead to, and the
//! search. Loaded when the menu is first opened or the field first focused.
//!
//! One menu and one dialog of each kind serve the whole list; [`Tools::chosen`] says whose they are.

use std::time::Duration;

use leptos::mount::mount_to;
use leptos::prelude::*;
use leptos::tachys::dom::body;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};
use wasm_bindgen::JsCast;
use web_sys::{HtmlAnchorElement, HtmlElement};

use super::conversation_menu::MENU_ID;
use super::conversation_search::RESULTS_ID;
use super::delete_dialog::DeleteDialog;
use super::older_conversations::follow_list;
use super::prompt_dialog::PromptDialog;
use super::rename_dialog::RenameDialog;
use super::search_results::{Found, SearchResults};
use super::share_dialog::ShareDialog;
use crate::chat::{ConversationChange, ConversationSummary};
use crate::i18n::{Text, t};
use crate::layout::client::{change_conversation, text_of};
use crate::layout::{WorkspaceContext, tell_others};
use crate::platform::browser::api::Failure;
use crate::platform::browser::page_data::go_to_sign_in;
use crate::ui::{Alert, AlertTone, Button, Dialog, Eager, IconName, PopoverItem};

/// What the menu and its dialogs share.
#[derive(Debug, Clone, Copy)]
pub struct Tools {
    /// The id of the conversation whose menu was opened last.
    pub chosen: RwSignal<String>,
    /// All that the list shows.
    pub conversations: RwSignal<Vec<ConversationSummary>>,
    /// What the search shows in its place.
    pub found: RwSignal<Found>,
    /// What went wrong, in the dialog that is open; empty if nothing did.
    pub failure: RwSignal<String>,
    renaming: RwSignal<bool>,
    prompting: RwSignal<bool>,
    sharing: RwSignal<bool>,
    deleting: RwSignal<bool>,
    /// Pinning failed: there is no other dialog to say so.
    failing: RwSignal<bool>,
}

impl Tools {
    /// What of the chosen conversation is asked for; `None` if it is shown nowhere.
    pub fn of_chosen<T>(self, what: impl FnOnce(&ConversationSummary) -> T) -> Option<T> {
        let (known, found, id) = (self.conversations.read(), self.found.read(), self.chosen.read());
        let found = found.iter().flatten().flat_map(|page| &page.items);
        known.iter().chain(found).find(|known| known.id == *id).map(what)
    }

    /// Its title.
    pub fn title(self) -> String {
        self.of_chosen(|known| known.title.clone()).unwrap_or_default()
    }

    /// Changes what is known of a conversation, wherever it is shown.
    pub fn update(self, id: &str, change: impl Fn(&mut ConversationSummary)) {
        let (mut known, mut found) = (self.conversations.write(), self.found.write());
        let found = found.iter_mut().flatten().flat_map(|page| &mut page.items);
        known.iter_mut().chain(found).filter(|known| known.id == id).for_each(change);
    }

    /// Shows a conversation no longer.
    pub fn remove(self, id: &str) {
        self.conversations.write().retain(|known| known.id != id);
        if let Some(Ok(page)) = &mut *self.found.write() {
            page.items.retain(|known| known.id != id);
        }
    }

    /// What the server answered; if it refused, the dialog says so, or whoever is signed out signs in.
    pub fn accepted<T>(self, outcome: Result<T, Failure>) -> Option<T> {
        match outcome {
            Ok(answer) => {
                tell_others();
                return Some(answer);
            }
            Err(failure) if failure.is_signed_out() => go_to_sign_in(),
            Err(failure) => self.failure.set(text_of(failure)),
        }
        None
    }

    fn open(self, dialog: RwSignal<bool>) {
        self.failure.set(String::new());
        // Once the menu is closed and the focus back at its button: there the dialog gives it back, and not to a hidden line.
        set_timeout(move || dialog.set(true), Duration::ZERO);
    }

    fn pin(self, pinned: bool) {
        let id = self.chosen.get_untracked();
        self.failure.set(String::new());
        spawn_local(async move {
            let change = ConversationChange { pinned: Some(pinned), ..ConversationChange::default() };
            match self.accepted(change_conversation(&id, &change).await) {
                Some(()) => self.update(&id, |known| known.pinned = pinned),
                None => self.failing.set(true),
            }
        });
    }
}

/// Puts the lines into the menu, the results below the field, and the dialogs at the end of the document: a closed
/// drawer would hide them.
#[wasm_split(on_demand, wasm_split_path = leptos::wasm_split, fallible)]
pub fn conversation_tools(workspace: WorkspaceContext) -> Result<(), SplitLoaderError> {
    let by_id = |id| document().get_element_by_id(id).map(JsCast::unchecked_into::<HtmlElement>);
    let (Some(menu), Some(results)) = (by_id(MENU_ID), by_id(RESULTS_ID)) else { return Ok(()) };
    // It said to wait for this.
    menu.set_text_content(None);
    let tools = Tools {
        chosen: workspace.chosen,
        conversations: workspace.conversations,
        found: RwSignal::default(),
        failure: RwSignal::default(),
        renaming: RwSignal::new(false),
        prompting: RwSignal::new(false),
        sharing: RwSignal::new(false),
        deleting: RwSignal::new(false),
        failing: RwSignal::new(false),
    };
    mount_to(menu, move || Eager(view! { <Lines tools /> }).into_any()).forget();
    mount_to(results, move || Eager(view! { <SearchResults tools /> }).into_any()).forget();
    mount_to(body(), move || Eager(view! { <Dialogs tools /> }).into_any()).forget();
    follow_list(workspace);
    Ok(())
}

#[component]
fn Lines(
    /// What is shared with the dialogs.
    tools: Tools,
) -> impl IntoView {
    let line = move |icon, label, act: fn(Tools)| {
        view! { <PopoverItem icon label closes=MENU_ID on_click=move |_| act(tools) /> }
    };
    let pin = move || {
        if tools.of_chosen(|known| known.pinned) == Some(true) {
            line(IconName::Pin, t(Text::Unpin), |tools| tools.pin(false))
        } else {
            line(IconName::Pin, t(Text::Pin), |tools| tools.pin(true))
        }
    };
    view! {
        {pin}
        {line(IconName::Pencil, t(Text::Rename), |tools| tools.open(tools.renaming))}
        {line(IconName::Menu, t(Text::SystemPromptItem), |tools| tools.open(tools.prompting))}
        {line(IconName::ArrowUp, t(Text::ShareItem), |tools| tools.open(tools.sharing))}
        {line(IconName::ArrowDown, t(Text::ExportMarkdown), |tools| download(tools, "markdown"))}
        {line(IconName::ArrowDown, t(Text::ExportJson), |tools| download(tools, "json"))}
        {line(IconName::Trash, t(Text::Delete), |tools| tools.open(tools.deleting))}
    }
}

#[component]
fn Dialogs(
    /// What is shared with the menu.
    tools: Tools,
) -> impl IntoView {
    view! {
        <RenameDialog tools open=tools.renaming />
        <PromptDialog tools open=tools.prompting />
        <ShareDialog tools open=tools.sharing />
        <DeleteDialog tools open=tools.deleting />
        <Dialog id="pin-dialog" open=tools.failing title=t(Text::DidNotWork)>
            <Problem tools />
            <form method="dialog" class="flex justify-end">
                <Button label=t(Text::Close) kind="submit" />
            </form>
        </Dialog>
    }
}

/// What went wrong in the dialog around it.
#[component]
pub fn Problem(
    /// What is shared with the menu.
    tools: Tools,
) -> impl IntoView {
    move || {
        Some(tools.failure.get())
            .filter(|text| !text.is_empty())
            .map(|text| view! { <Alert tone=AlertTone::Danger text /> })
    }
}

/// Lets the browser keep the conversation as a file.
fn download(tools: Tools, format: &str) {
    let Ok(link) = document().create_element("a") else { return };
    let link: HtmlAnchorElement = link.unchecked_into();
    link.set_href(&format!("/api/conversations/{}/export?format={format}", tools.chosen.get_untracked()));
    // The server says what the file is called.
    link.set_download("");
    link.click();
}
