//! The controls of a live example.

use leptos::prelude::*;

use crate::showcase::knobs::{Control, Knob};

/// More choices than that are a list.
const MOST_SEGMENTS: usize = 5;

/// One control for each knob. Without a script there is nothing to turn.
#[component]
pub fn KnobPanel(
    /// The anchor of the entry, for names and ids.
    anchor: String,
    /// What can be turned.
    knobs: Vec<Knob>,
) -> impl IntoView {
    let control = move |knob: Knob| {
        let id = format!("{anchor}-{}", knob.name);
        match knob.control {
            Control::Text(text) => view! { <TextControl id name=knob.name text /> }.into_any(),
            Control::Flag(on) => view! { <FlagControl id name=knob.name on /> }.into_any(),
            Control::Choice(codes, at) => {
                // `ButtonVariant::Primary` is called Primary.
                let labels = codes.read_value().iter().map(|code| code.rsplit("::").next().unwrap_or(code)).collect();
                view! { <ChoiceControl id name=knob.name labels at /> }.into_any()
            }
        }
    };
    view! {
        <form
            class="flex flex-wrap items-center gap-x-6 gap-y-3 border-b border-line px-4 py-3 text-sm noscript:hidden"
            on:submit=|event| event.prevent_default()
        >
            {knobs.into_iter().map(control).collect::<Vec<_>>()}
        </form>
    }
}

#[component]
fn TextControl(
    /// Its id.
    id: String,
    /// What it is called.
    name: &'static str,
    /// The text.
    text: RwSignal<String>,
) -> impl IntoView {
    view! {
        <label class="flex w-full items-center gap-2 sm:w-auto">
            <span class="text-ink-soft">{name}</span>
            <input
                id=id
                class="h-8 w-full min-w-0 rounded-md border border-line-strong bg-surface px-2 sm:w-72"
                autocomplete="off"
                value=text.get_untracked()
                on:input=move |event| text.set(event_target_value(&event))
            />
        </label>
    }
}

#[component]
fn FlagControl(
    /// Its id.
    id: String,
    /// What it is called.
    name: &'static str,
    /// Whether it is on.
    on: RwSignal<bool>,
) -> impl IntoView {
    view! {
        <label class="flex h-8 items-center gap-2">
            <input
                id=id
                type="checkbox"
                class="size-4 accent-accent"
                autocomplete="off"
                checked=on.get_untracked()
                on:change=move |event| on.set(event_target_checked(&event))
            />
            <span class="text-ink-soft">{name}</span>
        </label>
    }
}

#[component]
fn ChoiceControl(
    /// Its id.
    id: String,
    /// What it is called.
    name: &'static str,
    /// What each choice is called.
    labels: Vec<&'static str>,
    /// The place of the chosen one.
    at: RwSignal<usize>,
) -> AnyView {
    if labels.len() > MOST_SEGMENTS {
        let option = |(index, label): (usize, &'static str)| view! { <option value=index>{label}</option> };
        return view! {
            <label class="flex items-center gap-2">
                <span class="text-ink-soft">{name}</span>
                <select
                    id=id
                    class="h-8 rounded-md border border-line-strong bg-surface px-2"
                    autocomplete="off"
                    on:change=move |event| at.set(event_target_value(&event).parse().unwrap_or_default())
                >
                    {labels.into_iter().enumerate().map(option).collect::<Vec<_>>()}
                </select>
            </label>
        }
        .into_any();
    }
    let (group, labelled_by) = (id.clone(), id.clone());
    let segment = move |(index, label): (usize, &'static str)| {
        view! {
            <label class="flex h-7 cursor-pointer items-center rounded-md px-2.5 text-ink-soft has-checked:bg-surface \
                          has-checked:text-ink has-focus-visible:outline-2 has-focus-visible:outline-accent">
                <input
                    type="radio"
                    class="sr-only"
                    name=group.clone()
                    autocomplete="off"
                    checked=index == 0
                    on:change=move |_| at.set(index)
                />
                {label}
            </label>
        }
    };
    view! {
        <div class="flex min-w-0 flex-wrap items-center gap-2" role="radiogroup" aria-labelledby=labelled_by>
            <span id=id class="text-ink-soft">
                {name}
            </span>
            <div class="relative flex flex-wrap rounded-md bg-sunken p-0.5">
                {labels.into_iter().enumerate().map(segment).collect::<Vec<_>>()}
            </div>
        </div>
    }
    .into_any()
}
