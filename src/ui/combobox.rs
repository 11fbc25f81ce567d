//! A text with suggestions: type to filter them, or type what is not among them (WAI-ARIA Authoring Practices, "Editable
//! Combobox With List Autocomplete"). Without a script it is a plain text field.

use leptos::{ev, prelude::*};
use web_sys::{ScrollIntoViewOptions, ScrollLogicalPosition};

use super::field_notes::{CONTROL, FieldNotes, described_by};

/// A labelled `<input>` with a list of suggestions below it.
#[component]
pub fn Combobox(
    /// The name it is sent under.
    name: &'static str,
    /// Its label.
    label: &'static str,
    /// An id that is unique on the page.
    id: &'static str,
    /// What it suggests. What is shown is what is sent.
    choices: Vec<String>,
    /// What the list says when nothing fits.
    empty: &'static str,
    /// What it holds at first.
    #[prop(optional, into)]
    value: String,
    /// What to enter.
    #[prop(optional_no_strip)]
    hint: Option<&'static str>,
    /// What is wrong with what was entered.
    #[prop(optional_no_strip)]
    error: Option<String>,
    /// It may not be empty.
    #[prop(optional)]
    required: bool,
    /// It cannot be changed now.
    #[prop(optional)]
    disabled: bool,
    /// Is told the text with every change.
    #[prop(optional, into)]
    on_input: Option<Callback<String>>,
) -> impl IntoView {
    let described_by = described_by(id, hint, error.as_ref());
    let text = RwSignal::new(value.clone());
    let open = RwSignal::new(false);
    // The place of the chosen option among those that fit.
    let active = RwSignal::new(None::<usize>);
    let choices = StoredValue::new(choices);
    // Opened with a choice in it, the list shows all of them.
    let found = move || -> Vec<String> {
        let (choices, wanted) = (choices.read_value(), text.get().to_lowercase());
        let is_choice = choices.iter().any(|choice| choice.to_lowercase() == wanted);
        choices.iter().filter(|choice| is_choice || choice.to_lowercase().contains(&wanted)).cloned().collect()
    };
    let option_id = move |index: usize| format!("{id}-option-{index}");
    let enter = move |entered: String| {
        text.set(entered.clone());
        if let Some(on_input) = on_input {
            on_input.run(entered);
        }
    };
    let close = move || {
        open.set(false);
        active.set(None);
    };
    let go_to = move |index: usize| {
        open.set(true);
        active.set(Some(index));
        if let Some(option) = document().get_element_by_id(&option_id(index)) {
            let nearest = ScrollIntoViewOptions::new();
            nearest.set_block(ScrollLogicalPosition::Nearest);
            option.scroll_into_view_with_scroll_into_view_options(&nearest);
        }
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let found = untrack(found);
        let (count, at, is_open) = (found.len(), active.get_untracked(), open.get_untracked());
        let last = count.saturating_sub(1);
        match event.key().as_str() {
            "ArrowUp" if event.alt_key() => close(),
            "ArrowDown" if event.alt_key() => open.set(true),
            "ArrowDown" if count > 0 => go_to(at.map_or(0, |at| if at == last { 0 } else { at + 1 })),
            "ArrowUp" if count > 0 => go_to(at.map_or(last, |at| if at == 0 { last } else { at - 1 })),
            "Home" if is_open && count > 0 => go_to(0),
            "End" if is_open && count > 0 => go_to(last),
            "Enter" if is_open => {
                if let Some(chosen) = at.and_then(|at| found.get(at)) {
                    enter(chosen.clone());
                }
                close();
            }
            "Escape" if is_open => close(),
            "Escape" => enter(String::new()),
            _ => return,
        }
        event.prevent_default();
    };
    let option = move |(index, choice): (usize, String)| {
        let label = choice.clone();
        view! {
            <li
                id=option_id(index)
                class="cursor-pointer rounded-md px-3 py-2 hover:bg-sunken aria-selected:bg-accent-soft aria-selected:text-accent"
                role="option"
                aria-selected=Signal::derive(move || (active.get() == Some(index)).to_string())
                on:click=move |_| {
                    enter(choice.clone());
                    close();
                }
            >
                {label}
            </li>
        }
    };
    let nothing_found = Signal::derive(move || open.get() && found().is_empty());
    view! {
        <div class="space-y-1.5">
            <label for=id class="block text-sm font-medium">{label}</label>
            <div class="relative">
                <input
                    id=id
                    name=name
                    type="text"
                    value=value
                    prop:value=text
                    class=format!("h-10 {CONTROL}")
                    role="combobox"
                    autocomplete="off"
                    required=required
                    disabled=disabled
                    aria-autocomplete="list"
                    aria-expanded=Signal::derive(move || open.get().to_string())
                    aria-controls=format!("{id}-list")
                    aria-activedescendant=Signal::derive(move || active.get().map(option_id))
                    aria-invalid=error.is_some().then_some("true")
                    aria-describedby=described_by
                    on:click=move |_| open.set(true)
                    on:blur=move |_| close()
                    on:keydown=on_key
                    on:input=move |event| {
                        enter(event_target_value(&event));
                        active.set(None);
                        open.set(true);
                    }
                />
                <div
                    class="absolute inset-x-0 top-full z-10 mt-1 rounded-md border border-line bg-surface p-1 text-sm"
                    hidden=Signal::derive(move || !open.get())
                    // A press on the list must not take the focus from the field.
                    on:mousedown=move |event| event.prevent_default()
                >
                    <ul id=format!("{id}-list") class="max-h-60 overflow-y-auto" role="listbox" aria-label=label>
                        {move || found().into_iter().enumerate().map(option).collect::<Vec<_>>()}
                    </ul>
                    <p class="px-3 py-2 text-ink-soft" hidden=Signal::derive(move || !nothing_found.get())>
                        {empty}
                    </p>
                </div>
                // What is hidden is not spoken of: this says it.
                <span class="sr-only" role="status">
                    {move || if nothing_found.get() { empty } else { "" }}
                </span>
            </div>
            <FieldNotes id hint error />
        </div>
    }
}
