//! Other versions of what was said: choosing one of those that there are, and asking another model for one.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Element, Event, HtmlElement};

use super::client;
use super::components::message_list::NEAR_END;
use super::provider_choice::find;
use super::send::{Question, ask};
use super::thread::Thread;
use crate::chat::{AGAIN_ID, FIND_AGAIN_ID, ProviderInfo};
use crate::platform::browser::page_data::go_to_sign_in;
use crate::platform::browser::time::sleep;

/// Shows the version that the pressed button names, with what followed it, in the same place of the window. What is being
/// written goes on unseen.
pub(super) async fn choose(thread: Thread, button: Element) {
    let message = button.get_attribute("value").unwrap_or_default();
    let label = button.get_attribute("aria-label").unwrap_or_default();
    let top = button.get_bounding_client_rect().top();
    let conversation = thread.conversation.get_untracked().unwrap_or_default();
    let Some(turn) = thread.conversation_turn() else { return };
    let loaded = match client::choose_version(&conversation, &message).await {
        Ok(()) => client::load_conversation(&conversation, "", 0).await,
        Err(failure) => Err(failure),
    };
    if !thread.is_at_conversation(turn) {
        return;
    }
    match loaded {
        Ok(found) => {
            thread.show(found);
            // The list does not follow its end for the moment.
            thread.at_end.set(false);
            thread.attach();
        }
        Err(failure) => {
            if failure.is_signed_out() {
                go_to_sign_in();
            }
            return thread.fail(failure);
        }
    }
    // Once it is on the screen.
    sleep(Duration::ZERO).await;
    let shown = document().query_selector(&format!("[data-version=\"{message}\"]")).ok().flatten();
    let Some(shown) = shown else {
        thread.at_end.try_set(true);
        return;
    };
    thread.announcement.try_set(shown.get_attribute("aria-label").unwrap_or_default());
    if let Some(pane) = shown.closest("[data-pane]").ok().flatten() {
        #[expect(clippy::cast_possible_truncation, reason = "pixels")]
        let moved = (shown.get_bounding_client_rect().top() - top) as i32;
        pane.set_scroll_top(pane.scroll_top() + moved);
        thread.at_end.try_set(pane.scroll_height() - pane.scroll_top() - pane.client_height() < NEAR_END);
    }
    // The same button, or the other at the end of the row.
    for selector in [format!("[aria-label=\"{label}\"]:enabled"), "button:enabled".to_owned()] {
        if let Some(next) = shown.query_selector(&selector).ok().flatten() {
            // It fails only for an element that has left the document.
            drop(next.unchecked_into::<HtmlElement>().focus());
            break;
        }
    }
}

/// The lines of the list of models.
const LINES: &str = "button";

/// Brings the list of models to life: a press on one asks it the last question again. The server lists the first, here come all others.
pub(super) async fn offer_again(thread: Thread) {
    let Some(list) = document().get_element_by_id(AGAIN_ID) else { return };
    let list: HtmlElement = list.unchecked_into();
    let panel = list.clone();
    let pressed = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
        let target = event.target().map(JsCast::unchecked_into::<Element>);
        let button = target.and_then(|target| target.closest("button").ok().flatten());
        if let Some(provider) = button.and_then(|button| button.get_attribute("value")) {
            // It fails only for a panel that is closed.
            drop(panel.hide_popover());
            leptos::task::spawn_local(ask(thread, Question::Again(Some(provider))));
        }
    });
    // In the place of the one before, whose page may be gone. The browser frees it.
    list.set_onclick(Some(pressed.into_js_value().unchecked_ref()));
    let searched = list.clone();
    let typed = Closure::<dyn FnMut(Event)>::new(move |_| find(&searched, FIND_AGAIN_ID, LINES));
    list.set_oninput(Some(typed.into_js_value().unchecked_ref()));
    // Without an answer, there are those that the server has listed.
    for provider in client::load_providers().await.unwrap_or_default() {
        let is_there =
            list.query_selector(&format!("button[value=\"{}\"]", provider.name)).is_ok_and(|it| it.is_some());
        if !is_there {
            add_line(&list, &provider);
        }
    }
    find(&list, FIND_AGAIN_ID, LINES);
}

/// A line for a model that the server has not listed, as the last of those that it has.
fn add_line(list: &HtmlElement, provider: &ProviderInfo) -> Option<()> {
    let model_line = list.query_selector("button:last-of-type").ok().flatten()?;
    let line: Element = model_line.clone_node_with_deep(true).ok()?.unchecked_into();
    let part = |selector: &str| line.query_selector(selector).ok().flatten();
    let (title, model) = (part("[data-title]")?, part("[data-details]")?);
    title.set_text_content(Some(&provider.label));
    model.set_text_content(Some(&provider.model));
    line.set_attribute("value", &provider.name).ok()?;
    line.remove_attribute("autofocus").ok()?;
    model_line.parent_element()?.append_child(&line).ok()?;
    Some(())
}
