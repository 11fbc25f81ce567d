//! The code of an example: rendered by the server, kept in step with the knobs by the browser.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::showcase::knobs::{Control, Knob};
use crate::showcase::types::Snippet;
use crate::ui::{CopyButton, still};

/// Names the element of a knob's value.
const KNOB: &str = "data-knob";

/// The code, with a button that takes it away.
#[component]
pub fn ExampleCode(
    /// An id that is unique on the page.
    id: String,
    /// What it says; empty in the browser.
    code: &'static [Snippet],
    /// What changes in it.
    knobs: Vec<Knob>,
) -> impl IntoView {
    for knob in knobs.clone() {
        let id = id.clone();
        Effect::new(move |_| {
            let value = knob.control.code();
            let selector = format!("[{KNOB}={}]", knob.name);
            let place =
                document().get_element_by_id(&id).and_then(|code| code.query_selector(&selector).ok().flatten());
            match (place, knob.control) {
                (None, _) => {}
                // Only an invalid name could fail.
                (Some(place), Control::Flag(_)) => {
                    drop(place.toggle_attribute_with_force("hidden", value.is_none()));
                }
                (Some(place), _) => place.set_text_content(value.as_deref()),
            }
        });
    }
    // What is hidden is no part of the inner text.
    let shown = {
        let id = id.clone();
        move || document().get_element_by_id(&id).map(|code| code.unchecked_into::<HtmlElement>().inner_text())
    };
    view! {
        <div class="overflow-hidden rounded-md border border-line bg-surface">
            <div class="flex h-9 items-center justify-between border-b border-line bg-sunken pr-1 pl-4 text-xs text-ink-soft">
                "Rust"
                <CopyButton
                    text=Signal::derive(move || shown().unwrap_or_default())
                    label="Copy"
                    copied="Copied"
                />
            </div>
            {still(move || {
                view! {
                    <pre
                        class="code-block overflow-x-auto px-4 py-3 font-mono text-[0.8125rem] leading-5 \
                               focus-visible:-outline-offset-2"
                        tabindex="0"
                        role="group"
                        aria-label="Code"
                    >
                        <code id=id inner_html=to_html(code, &knobs)></code>
                    </pre>
                }
            })}
        </div>
    }
}

fn to_html(code: &[Snippet], knobs: &[Knob]) -> String {
    let value = |name: &str| {
        let knob = knobs.iter().find(|knob| knob.name == name);
        untrack(|| knob.and_then(|knob| knob.control.code()))
    };
    let html = code.iter().map(|snippet| match snippet {
        Snippet::Fixed(code) => color(code),
        Snippet::Value(name) => {
            format!("<span class=\"n\" {KNOB}=\"{name}\">{}</span>", escape(&value(name).unwrap_or_default()))
        }
        Snippet::While(name, code) => {
            let hidden = if value(name).is_some() { "" } else { " hidden" };
            format!("<span {KNOB}=\"{name}\"{hidden}>{}</span>", color(code))
        }
    });
    html.collect::<Vec<_>>().concat()
}

/// Strings, names of components, attributes, keywords: as much as an example needs, in the classes of style/highlight.css.
fn color(code: &str) -> String {
    let mut html = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let length = match first {
            '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
            _ if is_word(first) => rest.find(|letter| !is_word(letter)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        let class = match token {
            _ if first == '"' => "s",
            _ if first.is_ascii_digit() => "n",
            "true" | "false" | "None" | "Some" => "n",
            "let" | "move" | "use" | "match" | "if" | "else" => "k",
            _ if after.starts_with('!') => "f",
            _ if first.is_ascii_uppercase() => "t",
            _ if after.starts_with('=') && !after.starts_with("==") => "a",
            _ => "",
        };
        let token = escape(token);
        html.push(if class.is_empty() { token } else { format!("<span class=\"{class}\">{token}</span>") });
        rest = after;
    }
    html.concat()
}

fn escape(code: &str) -> String {
    code.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
