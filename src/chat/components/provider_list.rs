//! Who could answer, at what price and how they are: what the button of the picker opens. Fetched, code and data, when
//! somebody looks.

use gloo_net::http::Request;
use leptos::mount::mount_to;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};
use leptos::{ev, html};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::HtmlElement;

use super::provider_picker::{PICKER_ID, label_of};
use super::receipt::credits_text;
use crate::chat::thread::Thread;
use crate::chat::{PROVIDER_COOKIE, ProviderInfo, problem_of, provider_label};
use crate::error::{AppError, AppResult};
use crate::json::read_answer;
use crate::ui::set_cookie;

/// Fills the panel of the picker.
#[wasm_split(on_demand, wasm_split_path = leptos::wasm_split, fallible)]
pub fn show_providers(thread: Thread) -> Result<(), SplitLoaderError> {
    let panel = document().get_element_by_id(PICKER_ID).map(JsCast::unchecked_into::<HtmlElement>);
    // Once: from then on it follows the panel by itself.
    if let Some(panel) = panel.filter(|panel| panel.query_selector("[role=radiogroup]").ok().flatten().is_none()) {
        panel.set_inner_html("");
        mount_to(panel.clone(), move || view! { <ProviderList thread panel /> }).forget();
    }
    Ok(())
}

async fn load_providers() -> AppResult<Vec<ProviderInfo>> {
    let response = Request::get("/api/providers").send().await.map_err(|_| AppError::Unavailable)?;
    read_answer(&response.text().await.map_err(|_| AppError::Unavailable)?)
}

/// One line per provider, after the one that leaves it open.
#[component]
fn ProviderList(
    /// The chat page.
    thread: Thread,
    /// The panel that it is in.
    panel: HtmlElement,
) -> impl IntoView {
    let providers = RwSignal::new(Vec::<ProviderInfo>::new());
    let failure = RwSignal::new(String::new());
    let list = NodeRef::<html::Div>::new();
    // How they are changes; so each time that somebody looks.
    let load = move || {
        spawn_local(async move {
            match load_providers().await {
                Ok(loaded) => {
                    tell(thread, &loaded);
                    failure.set(String::new());
                    providers.set(loaded);
                }
                Err(error) => failure.set(error.to_string()),
            }
            focus_picked(list);
        });
    };
    load();
    {
        let opened = panel.clone();
        let callback = Closure::<dyn FnMut()>::new(move || {
            if opened.matches(":popover-open").unwrap_or_default() {
                load();
            }
        });
        // It fails for no event; the browser frees it together with the panel.
        drop(panel.add_event_listener_with_callback("toggle", callback.into_js_value().unchecked_ref()));
    }
    let close = StoredValue::new_local(panel);
    let close = move || {
        // It fails only for a panel that is closed.
        drop(close.read_value().hide_popover());
    };
    let pick = move |name: Option<String>| {
        set_cookie(PROVIDER_COOKIE, name.as_deref().unwrap_or_default());
        thread.workspace.facts.update_value(|facts| facts.provider.clone_from(&name));
        thread.provider.set(name);
        tell(thread, &providers.read_untracked());
    };
    let automatic = move || {
        let known = providers.read();
        let order: Vec<_> = known.iter().map(|provider| provider_label(&provider.name)).collect();
        let details = format!("{}: the next one answers if one fails", order.join(", then "));
        let price = known.first().map(|first| credits_text(first.credits)).unwrap_or_default();
        view! { <Choice thread name=None details=format!("{price} · {details}") problem=None pick close /> }
    };
    let line = move |provider: ProviderInfo| {
        let ProviderInfo { name, model, context_tokens, credits, problem } = provider;
        let window = context_tokens.map(|tokens| format!("takes {} tokens", grouped(tokens)));
        let parts = [Some(model), Some(credits_text(credits)), window];
        let details = parts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
        let problem = Some(problem.unwrap_or_default());
        view! { <Choice thread name=Some(name) details problem pick close /> }
    };
    view! {
        <p class="px-3 py-2 text-danger" role="alert" hidden=Signal::derive(move || failure.read().is_empty())>
            {failure}
        </p>
        <div
            node_ref=list
            role="radiogroup"
            aria-label="Model"
            class="max-h-[60vh] w-80 max-w-[calc(100vw-4rem)] space-y-0.5 overflow-y-auto"
        >
            <div hidden=Signal::derive(move || providers.read().is_empty())>{automatic}</div>
            {move || providers.get().into_iter().map(line).collect::<Vec<_>>()}
        </div>
    }
}

/// A line of the list.
#[component]
fn Choice(
    /// The chat page.
    thread: Thread,
    /// The provider; `None`: whoever can answers.
    name: Option<String>,
    /// Its model, its price, its size.
    details: String,
    /// Why it cannot answer now; empty if it can, `None` where that is no question.
    problem: Option<String>,
    /// Picks it.
    pick: impl Fn(Option<String>) + Copy + 'static,
    /// Closes the list.
    close: impl Fn() + Copy + 'static,
) -> impl IntoView {
    let title = label_of(name.as_deref()).to_owned();
    let id = format!("provider-{}", name.as_deref().unwrap_or_default());
    let details_id = format!("{id}-details");
    let health = problem.map(|problem| {
        let is_well = problem.is_empty();
        let text = if is_well { "Ready".to_owned() } else { problem };
        view! {
            <span class="block text-xs break-words text-danger data-[well]:text-success" data-well=is_well>
                {text}
            </span>
        }
    });
    let is_picked = {
        let name = name.clone();
        Signal::derive(move || *thread.provider.read() == name)
    };
    let value = name.clone().unwrap_or_default();
    // The arrow keys press too, but only a pointer has made up its mind.
    let close_after_press = move |event: ev::MouseEvent| {
        if event.detail() > 0 {
            close();
        }
    };
    let close_on_enter = move |event: ev::KeyboardEvent| {
        if event.key() == "Enter" {
            close();
        }
    };
    view! {
        <label class="flex cursor-pointer items-start gap-3 rounded-md px-3 py-2 hover:bg-sunken has-checked:bg-accent-soft has-checked:hover:bg-accent-soft">
            <input
                type="radio"
                name="picked-provider"
                value=value
                class="mt-1 shrink-0 accent-accent"
                aria-labelledby=id.clone()
                aria-describedby=details_id.clone()
                prop:checked=is_picked
                on:change=move |_| pick(name.clone())
                on:click=close_after_press
                on:keydown=close_on_enter
            />
            <span class="min-w-0">
                <span id=id class="block font-medium">{title}</span>
                <span id=details_id>
                    <span class="block text-xs break-words text-ink-soft">{details}</span>
                    {health}
                </span>
            </span>
        </label>
    }
}

/// What stands above the composer when the picked one, or everybody, cannot answer.
fn tell(thread: Thread, providers: &[ProviderInfo]) {
    let picked = thread.provider.get_untracked();
    let picked = providers.iter().find(|provider| Some(&provider.name) == picked.as_ref());
    thread.problem.set(problem_of(providers, picked));
}

/// Once the lines are there.
fn focus_picked(list: NodeRef<html::Div>) {
    request_animation_frame(move || {
        let list = list.try_get_untracked().flatten();
        let picked = list.and_then(|list| list.query_selector("input:checked").ok().flatten());
        if let Some(picked) = picked {
            // It fails only for an element that has left the document.
            drop(picked.unchecked_into::<HtmlElement>().focus());
        }
    });
}

/// `1,048,576`.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([7, 2048, 400_000, 1_048_576].map(grouped), ["7", "2,048", "400,000", "1,048,576"]);
    }
}
