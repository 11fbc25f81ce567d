//! Choosing who answers, in the panel that the server made (`layout/components/provider_panel.rs`): it is brought to
//! life, and up to date, when it is opened. The server lists the first models; all others come with how they are.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Element, Event, HtmlElement, HtmlInputElement, KeyboardEvent, MouseEvent};

use super::client;
use crate::chat::{
    EFFORT_NAME, FIND_MODEL_ID, PROVIDER_COOKIE, PROVIDERS_ID, ProviderInfo, ProviderTerms, describe, with_effort,
};
use crate::i18n::{Text, t};
use crate::layout::WorkspaceContext;
use crate::ui::{is_composing, set_cookie};

/// The lines of the panel.
const LINES: &str = "[data-models] label";

/// Asks how everybody is.
pub(super) async fn open(workspace: WorkspaceContext) {
    let Some(panel) = watch(workspace) else { return };
    show_picked(&panel, workspace);
    if let Some(picked) = picked_in(&panel) {
        // It fails only for an element that has left the document.
        drop(picked.focus());
    }
    // Without an answer, what the server said before stands.
    for provider in client::load_providers().await.unwrap_or_default() {
        let selector = format!("[data-health=\"{}\"]", provider.name);
        let line = panel.query_selector(&selector).ok().flatten();
        if let Some(line) = line.or_else(|| add_line(&panel, &provider)) {
            line.set_text_content(Some(provider.problem.as_deref().unwrap_or_else(|| t(Text::Ready))));
            drop(line.toggle_attribute_with_force("data-well", provider.problem.is_none()));
        }
        workspace.learn_terms(ProviderTerms {
            provider: provider.name,
            label: provider.label,
            per_token: provider.per_token,
            credits: provider.least,
            max_message_chars: provider.max_message_chars,
        });
    }
    show_picked(&panel, workspace);
    find(&panel, FIND_MODEL_ID, LINES);
    show_problem(&panel, workspace);
}

/// A line for a model that the server has not listed, as the last of those that it has. Returns where its health is told.
fn add_line(panel: &HtmlElement, provider: &ProviderInfo) -> Option<Element> {
    let last = panel.query_selector("[data-models] label:last-of-type").ok().flatten()?;
    let line: Element = last.clone_node_with_deep(true).ok()?.unchecked_into();
    let part = |selector: &str| line.query_selector(selector).ok().flatten();
    let (title, details, health) = (part("[data-title]")?, part("[data-details]")?, part("[data-health]")?);
    let input: HtmlInputElement = part("input")?.unchecked_into();
    input.set_checked(false);
    input.set_value(&provider.name);
    title.set_text_content(Some(&provider.label));
    details.set_text_content(Some(&describe(provider)));
    let title_id = format!("provider-title-{}", provider.name);
    let details_id = format!("provider-details-{}", provider.name);
    title.set_id(&title_id);
    details.parent_element()?.set_id(&details_id);
    for (element, name, value) in [
        (&health, "data-health", &provider.name),
        (input.as_ref(), "aria-labelledby", &title_id),
        (input.as_ref(), "aria-describedby", &details_id),
    ] {
        drop(element.set_attribute(name, value));
    }
    drop(input.toggle_attribute_with_force("data-thinks", provider.thinks == Some(true)));
    drop(input.remove_attribute("checked"));
    drop(last.parent_element()?.append_child(&line));
    Some(health)
}

/// Shows the lines that have what is searched for in this field.
pub(super) fn find(panel: &HtmlElement, field: &str, lines: &str) {
    let Some(field) = document().get_element_by_id(field) else { return };
    let wanted = field.unchecked_into::<HtmlInputElement>().value().to_lowercase();
    let Ok(lines) = panel.query_selector_all(lines) else { return };
    for at in 0..lines.length() {
        let Some(line) = lines.item(at).map(JsCast::unchecked_into::<Element>) else { continue };
        let text = line.text_content().unwrap_or_default().to_lowercase();
        drop(line.toggle_attribute_with_force("hidden", !wanted.split_whitespace().all(|word| text.contains(word))));
    }
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
        for kind in ["change", "click", "keydown", "input"] {
            drop(panel.add_event_listener_with_callback(kind, callback.unchecked_ref()));
        }
        // Not the one that the page came with.
        if picked_in(&panel).is_some_and(|picked| !picked.default_checked()) {
            pick(&panel, workspace);
        }
    }
    Some(panel)
}

fn follow(panel: &HtmlElement, workspace: WorkspaceContext, event: &Event) {
    let target = event.target().map(JsCast::unchecked_into::<Element>);
    let is_search = target.as_ref().is_some_and(|target| target.id() == FIND_MODEL_ID);
    let is_final = match &*event.type_() {
        "input" if is_search => {
            find(panel, FIND_MODEL_ID, LINES);
            false
        }
        "change" if !is_search => {
            pick(panel, workspace);
            false
        }
        // The arrow keys press too, but only a pointer has made up its mind; unless there is more to choose.
        "click" => {
            let line = target.and_then(|target| target.closest("label").ok().flatten());
            let is_done = |line: Element| matches!(line.query_selector("[data-thinks]"), Ok(None));
            line.is_some_and(is_done) && event.dyn_ref::<MouseEvent>().is_some_and(|event| event.detail() > 0)
        }
        "keydown" => {
            let is_enter =
                event.dyn_ref::<KeyboardEvent>().is_some_and(|event| event.key() == "Enter" && !is_composing(event));
            if is_enter && is_search {
                pick_first(panel, workspace);
            }
            is_enter
        }
        _ => false,
    };
    if is_final {
        let panel = panel.clone();
        // After the choice itself. It fails only for a panel that is closed.
        set_timeout(move || drop(panel.hide_popover()), Duration::ZERO);
    }
}

/// The first of those that were found.
fn pick_first(panel: &HtmlElement, workspace: WorkspaceContext) {
    let first = panel.query_selector("[data-models] label:not([hidden]) input").ok().flatten();
    if let Some(first) = first {
        first.unchecked_into::<HtmlInputElement>().set_checked(true);
        pick(panel, workspace);
    }
}

fn pick(panel: &HtmlElement, workspace: WorkspaceContext) {
    let Some(picked) = picked_in(panel) else { return };
    let name = picked.value();
    let effort = effort_in(panel).map(|effort| effort.value()).filter(|effort| !effort.is_empty());
    let effort = effort.filter(|_| picked.has_attribute("data-thinks"));
    let asked = with_effort(&name, effort.as_deref());
    if asked != workspace.asked().unwrap_or_default() {
        set_cookie(PROVIDER_COOKIE, &asked);
        workspace.pick((!name.is_empty()).then_some(name), effort);
    }
    show_problem(panel, workspace);
}

fn picked_in(panel: &HtmlElement) -> Option<HtmlInputElement> {
    panel.query_selector("[data-models] input:checked").ok().flatten().map(JsCast::unchecked_into)
}

/// How much it is to think.
fn effort_in(panel: &HtmlElement) -> Option<HtmlInputElement> {
    let checked = panel.query_selector(&format!("input[name={EFFORT_NAME}]:checked"));
    checked.ok().flatten().map(JsCast::unchecked_into)
}

/// Marks the one that is asked in the conversation that is shown.
fn show_picked(panel: &HtmlElement, workspace: WorkspaceContext) {
    let picked = workspace.provider.get_untracked().unwrap_or_default();
    let effort = workspace.effort.get_untracked().unwrap_or_default();
    let shown = panel.query_selector(&format!("input[name={EFFORT_NAME}][value=\"{effort}\"]"));
    if let Some(shown) = shown.ok().flatten() {
        shown.unchecked_into::<HtmlInputElement>().set_checked(true);
    }
    let Ok(inputs) = panel.query_selector_all("[data-models] input") else { return };
    for at in 0..inputs.length() {
        if let Some(input) = inputs.item(at).map(JsCast::unchecked_into::<HtmlInputElement>)
            && input.value() == picked
        {
            input.set_checked(true);
        }
    }
}

/// Above the composer: why the one that is picked cannot answer, or why nobody can.
fn show_problem(panel: &HtmlElement, workspace: WorkspaceContext) {
    let selector = match &*workspace.provider.read_untracked() {
        Some(name) => format!("[data-health=\"{name}\"]:not([data-well])"),
        None => "div:not(:has([data-well])) [data-health]".to_owned(),
    };
    let line = panel.query_selector(&selector).ok().flatten();
    workspace.problem.set(line.and_then(|line| line.text_content()));
}
