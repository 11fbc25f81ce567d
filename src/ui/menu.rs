//! A list of things to do, on the browser's own Popover API: it opens, closes on Escape or on a press elsewhere and gives
//! the focus back; the keys inside are ours (WAI-ARIA Authoring Practices, "Menu Button"). What holds more than commands
//! is a [`super::Popover`].

use leptos::either::Either;
use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use super::button::press;
use super::roving::{Step, focus};
use super::{Icon, IconName};

/// A button, and the menu that it opens.
#[component]
pub fn Menu<C: IntoView + 'static>(
    /// An id that is unique on the page.
    id: &'static str,
    /// What the button says.
    label: &'static str,
    /// The [`MenuItem`]s.
    children: TypedChildren<C>,
) -> impl IntoView {
    let menu = NodeRef::<html::Div>::new();
    let step = move |step: Step, fits: &dyn Fn(&Element) -> bool| {
        let item = menu.get_untracked().and_then(|menu| step.from(&menu, |item| !is_disabled(item) && fits(item)));
        if let Some(item) = item {
            focus(item);
        }
    };
    let go = move |to: Step| step(to, &|_| true);
    let open_with_arrow = move |event: ev::KeyboardEvent| {
        let to = match event.key().as_str() {
            "ArrowDown" => Step::First,
            "ArrowUp" => Step::Last,
            _ => return,
        };
        event.prevent_default();
        // With a press, so that the menu knows the button that it belongs under.
        if let Some(button) = event.target().filter(|_| !is_open(menu)) {
            button.unchecked_into::<HtmlElement>().click();
        }
        go(to);
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let key = event.key();
        let mut letters = key.chars();
        match (key.as_str(), letters.next(), letters.next()) {
            ("ArrowDown", ..) => go(Step::Next),
            ("ArrowUp", ..) => go(Step::Previous),
            ("Home", ..) => go(Step::First),
            ("End", ..) => go(Step::Last),
            // The focus goes on from the button, or from what had it before.
            ("Tab", ..) => return hide(menu.get_untracked().as_deref()),
            (_, Some(letter), None) if letter != ' ' && !event.ctrl_key() && !event.meta_key() && !event.alt_key() => {
                step(Step::Next, &|item| begins_with(item, letter));
            }
            _ => return,
        }
        event.prevent_default();
    };
    let focus_first = move |_| {
        let has_focus = menu.get_untracked().is_some_and(|menu| menu.contains(document().active_element().as_deref()));
        if is_open(menu) && !has_focus {
            go(Step::First);
        }
    };
    view! {
        <button
            type="button"
            class="inline-flex h-10 items-center justify-center gap-2 rounded-md border border-line-strong bg-surface px-4 \
                   text-sm font-medium whitespace-nowrap transition-colors hover:bg-sunken"
            popovertarget=id
            aria-haspopup="menu"
            on:keydown=open_with_arrow
        >
            {label}
            <Icon name=IconName::ChevronDown class="size-4 text-ink-soft" />
        </button>
        <div
            node_ref=menu
            id=id
            popover="auto"
            class="popover min-w-48 rounded-md border border-line bg-surface p-1 text-sm text-ink"
            role="menu"
            aria-label=label
            on:toggle=focus_first
            on:keydown=on_key
            on:click=move |_| hide(menu.get_untracked().as_deref())
        >
            {children.into_inner()()}
        </div>
    }
}

/// A line of a [`Menu`]: a link when `href` is set, else a button. Either closes the menu.
#[component]
pub fn MenuItem(
    /// What it says.
    label: &'static str,
    /// What it shows before that.
    #[prop(optional)]
    icon: Option<IconName>,
    /// Where the link goes.
    #[prop(optional)]
    href: Option<&'static str>,
    /// It cannot be undone.
    #[prop(optional)]
    danger: bool,
    /// It cannot be done now. Keys skip it.
    #[prop(optional)]
    disabled: bool,
    /// What a press does; a link needs none.
    #[prop(optional, into)]
    on_click: Option<Callback<ev::MouseEvent>>,
) -> impl IntoView {
    let color = if danger { "text-danger focus:bg-danger-soft" } else { "focus:bg-sunken" };
    let class = format!(
        "flex h-9 w-full items-center gap-2 rounded-md px-3 text-left hover:bg-sunken disabled:cursor-not-allowed \
         disabled:opacity-50 {color}"
    );
    let content = view! {
        {icon.map(|icon| view! { <Icon name=icon class="size-4 opacity-70" /> })}
        {label}
    };
    match href {
        Some(href) => Either::Left(view! {
            <a class=class role="menuitem" tabindex="-1" href=href>
                {content}
            </a>
        }),
        None => Either::Right(view! {
            <button
                class=class
                role="menuitem"
                tabindex="-1"
                type="button"
                disabled=disabled
                on:click=move |event| press(on_click, event)
            >
                {content}
            </button>
        }),
    }
}

fn is_open(menu: NodeRef<html::Div>) -> bool {
    menu.get_untracked().is_some_and(|menu| menu.matches(":popover-open").unwrap_or_default())
}

/// Closes the menu; the browser gives the focus back.
fn hide(menu: Option<&HtmlElement>) {
    if let Some(menu) = menu {
        // Fails only where it is closed already.
        drop(menu.hide_popover());
    }
}

fn is_disabled(item: &Element) -> bool {
    item.has_attribute("disabled")
}

fn begins_with(item: &Element, letter: char) -> bool {
    let text = item.unchecked_ref::<HtmlElement>().inner_text();
    text.trim_start().to_lowercase().starts_with(&letter.to_lowercase().to_string())
}
