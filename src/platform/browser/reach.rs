//! Whether the site can be reached. It may not be while a server starts anew, or the network is gone.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlElement, Response};

/// The button that tries again at once; see `layout/components/offline_notice.rs`.
pub const RETRY_ID: &str = "try-again";
const FIRST_PAUSE: i32 = 1_000;
const LONGEST_PAUSE: i32 = 8_000;

/// Waits until the site answers; whether that took more than asking once. Meanwhile `<html>` says so
/// (`data-unreachable`), for the style sheet to show it.
pub async fn until_reached() -> bool {
    let mut pause = FIRST_PAUSE;
    let mut has_waited = false;
    while !answers().await {
        has_waited = true;
        mark(true);
        wait(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    if has_waited {
        mark(false);
    }
    has_waited
}

async fn answers() -> bool {
    let answer = JsFuture::from(window().fetch_with_str("/healthz")).await;
    answer.is_ok_and(|answer| answer.unchecked_into::<Response>().ok())
}

/// Waits so many milliseconds, until the button is pressed, or until there is a network again.
async fn wait(millis: i32) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        let window = window();
        // It fails only where there is no window, and then nobody waits.
        drop(window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, millis));
        window.set_ononline(Some(&resolve));
        if let Some(button) = document().get_element_by_id(RETRY_ID) {
            button.unchecked_into::<HtmlElement>().set_onclick(Some(&resolve));
        }
    });
    drop(JsFuture::from(promise).await);
}

fn mark(is_unreachable: bool) {
    if let Some(root) = document().document_element() {
        // It fails only for an invalid name.
        drop(root.toggle_attribute_with_force("data-unreachable", is_unreachable));
    }
}
