//! Short news about what was just done, at the edge of the screen. What has to be read stands in an [`super::Alert`].
//!
//! How long one stays is the length of an animation (`toast-life` in style/tailwind.css), which the browser holds while the
//! toast is hovered or has the focus: no timer is needed.

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, EventTarget};

use super::keys::is_composing;
use super::roving::focus;
use super::{Icon, IconButton, IconName};

/// What kind of news it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ToastTone {
    /// It was done.
    #[default]
    Info,
    /// It was not done. It stays until it is dismissed, and screen readers interrupt for it.
    Danger,
}

impl ToastTone {
    /// The utilities of this tone.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Info => "toast-life border-line-strong bg-surface text-ink",
            Self::Danger => "border-danger bg-danger-soft text-danger",
        }
    }
}

/// A piece of news.
#[derive(Debug, Clone)]
pub struct Toast {
    /// What happened.
    pub text: String,
    /// What kind of news it is.
    pub tone: ToastTone,
    /// What can be done about it, such as "Undo", and how.
    pub action: Option<(&'static str, Callback<()>)>,
}

/// The toasts of a page. A copy is a handle.
#[derive(Debug, Clone, Copy)]
pub struct Toasts {
    shown: RwSignal<Vec<(u32, Toast)>>,
    count: StoredValue<u32>,
}

impl Default for Toasts {
    fn default() -> Self {
        Self { shown: RwSignal::default(), count: StoredValue::new(0) }
    }
}

impl Toasts {
    /// Shows one more; of more than three, the oldest goes.
    pub fn show(self, toast: Toast) {
        let id = self.count.get_value() + 1;
        self.count.set_value(id);
        self.shown.update(|shown| {
            shown.push((id, toast));
            if shown.len() > 3 {
                shown.remove(0);
            }
        });
    }

    /// The focus stays where toasts are: it must not fall out of the page with the button that had it.
    fn dismiss_focused(self, id: u32, focused: Option<EventTarget>) {
        let element = focused.and_then(|target| target.dyn_into::<Element>().ok());
        if let Some(region) = element.and_then(|element| element.closest("section").ok().flatten()) {
            focus(region);
        }
        self.dismiss(id);
    }

    fn dismiss(self, id: u32) {
        self.shown.update(|shown| shown.retain(|(other, _)| *other != id));
    }
}

/// Where toasts appear. There is one on a page, and it is there before the first toast, so that screen readers notice.
#[component]
pub fn ToastRegion(
    /// What is shown.
    toasts: Toasts,
    /// What it is, for screen readers.
    label: &'static str,
    /// What the button that dismisses a toast says, for screen readers.
    dismiss: &'static str,
    /// Utilities for its place.
    #[prop(default = "fixed inset-x-4 bottom-4 z-20 sm:left-auto sm:w-96")]
    class: &'static str,
) -> impl IntoView {
    let of_tone = move |tone: ToastTone| {
        let each = move || -> Vec<(u32, Toast)> {
            toasts.shown.get().into_iter().filter(|(_, toast)| toast.tone == tone).collect()
        };
        view! {
            <For
                each
                key=|(id, _)| *id
                children=move |(id, toast)| view! { <ToastLine toasts id toast dismiss /> }
            />
        }
    };
    let dismiss_newest = move |event: ev::KeyboardEvent| {
        let newest = toasts.shown.read_untracked().last().map(|(id, _)| *id);
        if let Some(id) = newest.filter(|_| event.key() == "Escape" && !is_composing(&event)) {
            event.prevent_default();
            toasts.dismiss_focused(id, event.target());
        }
    };
    view! {
        <section
            class=format!("space-y-2 outline-none {class}")
            tabindex="-1"
            aria-label=label
            on:keydown=dismiss_newest
        >
            <div class="space-y-2" role="status">
                {of_tone(ToastTone::Info)}
            </div>
            <div class="space-y-2" role="alert">
                {of_tone(ToastTone::Danger)}
            </div>
        </section>
    }
}

#[component]
fn ToastLine(
    /// All of them.
    toasts: Toasts,
    /// Which one this is.
    id: u32,
    /// What it says.
    toast: Toast,
    /// What the button that dismisses it says, for screen readers.
    dismiss: &'static str,
) -> impl IntoView {
    let Toast { text, tone, action } = toast;
    view! {
        <div
            class=format!(
                "flex items-center gap-3 rounded-md border py-2 pr-2 pl-4 text-sm transition-opacity duration-200 \
                 starting:opacity-0 {}",
                tone.class(),
            )
            on:animationend=move |_| toasts.dismiss(id)
        >
            {(tone == ToastTone::Danger).then(|| view! { <Icon name=IconName::Warning class="size-4 shrink-0" /> })}
            <p class="min-w-0 flex-1 break-words">{text}</p>
            {action
                .map(|(label, act)| {
                    view! {
                        <button
                            type="button"
                            class="rounded-md px-2 py-1 font-medium text-accent hover:bg-sunken"
                            on:click=move |event| {
                                act.run(());
                                toasts.dismiss_focused(id, event.target());
                            }
                        >
                            {label}
                        </button>
                    }
                })}
            <IconButton icon=IconName::Close label=dismiss on_click=move |event: ev::MouseEvent| toasts.dismiss_focused(id, event.target()) />
        </div>
    }
}
