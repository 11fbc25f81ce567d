//! Choosing who answers, in the panel that the server made (`layout/components/provider_panel.rs`): it is brought to
//! life, and up to date, when it is opened.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, HtmlElement, HtmlInputElement, KeyboardEvent, MouseEvent};

use super::client;
use crate::chat::{PROVIDER_COOKIE, PROVIDERS_ID};
use crate::i18n::{Text, t};
use crate::layout::WorkspaceContext;
use crate::ui::{is_composing, set_cookie};

/// Asks how everybody is.
pub(super) async fn open(workspace: WorkspaceContext) {
    let Some(panel) = watch(workspace) else { return };
    if let Some(picked) = picked_in(&panel) {
        // It fails only for an element that has left the document.
        drop(picked.focus());
    }
    // Without an answer, what the server said before stands.
    for provider in client::load_providers().await.unwrap_or_default() {
        let line = panel.query_selector(&format!("[data-health={}]", provider.name));
        if let Some(line) = line.ok().flatten() {
            line.set_text_content(Some(provider.problem.as_deref().unwrap_or_else(|| t(Text::Ready))));
            drop(line.toggle_attribute_with_force("data-well", provider.problem.is_none()));
        }
    }
    show_problem(&panel, workspace);
}

/// Follows what is chosen, from the first time on. The panel opens without this code: what was chosen while it was loaded
/// counts.
pub(super) fn watch(workspace: WorkspaceContext) -> Option<HtmlElement> {
    let panel: HtmlElement = document().get_element_by_id(PROVIDERS_ID)?.unchecked_into();
    // Once: it stays for as long as the app is there.
    if !panel.has_attribute("data-followed") {
        // Neither fails: the name is valid, and so are those of the events.
        drop(panel.set_attribute("data-followed", ""));
        let followed = panel.clone();
        let callback =
            Closure::<dyn FnMut(Event)>::new(move |event| follow(&followed, workspace, &event)).into_js_value();
        for kind in ["change", "click", "keydown"] {
            drop(panel.add_event_listener_with_callback(kind, callback.unchecked_ref()));
        }
        pick(&panel, workspace);
    }
    Some(panel)
}

fn follow(panel: &HtmlElement, workspace: WorkspaceContext, event: &Event) {
    let is_final = match &*event.type_() {
        "change" => {
            pick(panel, workspace);
            false
        }
        // The arrow keys press too, but only a pointer has made up its mind.
        "click" => event.dyn_ref::<MouseEvent>().is_some_and(|event| event.detail() > 0),
        _ => event.dyn_ref::<KeyboardEvent>().is_some_and(|event| event.key() == "Enter" && !is_composing(event)),
    };
    if is_final {
        let panel = panel.clone();
        // After the choice itself. It fails only for a panel that is closed.
        set_timeout(move || drop(panel.hide_popover()), Duration::ZERO);
    }
}

fn pick(panel: &HtmlElement, workspace: WorkspaceContext) {
    let Some(picked) = picked_in(panel) else { return };
    let name = picked.value();
    if name != workspace.provider.read_untracked().as_deref().unwrap_or_default() {
        set_cookie(PROVIDER_COOKIE, &name);
        workspace.provider.set((!name.is_empty()).then_some(name));
    }
    show_problem(panel, workspace);
}

fn picked_in(panel: &HtmlElement) -> Option<HtmlInputElement> {
    panel.query_selector("input:checked").ok().flatten().map(JsCast::unchecked_into)
}

/// Above the composer: why the one that is picked cannot answer, or why nobody can.
fn show_problem(panel: &HtmlElement, workspace: WorkspaceContext) {
    let selector = match &*workspace.provider.read_untracked() {
        Some(name) => format!("[data-health={name}]:not([data-well])"),
        None => "div:not(:has([data-well])) [data-health]".to_owned(),
    };
    let line = panel.query_selector(&selector).ok().flatten();
    workspace.problem.set(line.and_then(|line| line.text_content()));
}
