//! A text with suggestions: type to filter them, or type what is not among them (WAI-ARIA Authoring Practices, "Editable
//! Combobox With List Autocomplete"). Without a script it is a plain text field.

use leptos::{ev, prelude::*};
use web_sys::{ScrollIntoViewOptions, ScrollLogicalPosition};

use super::field_notes::{CONTROL, FieldNotes, described_by};
use super::keys::is_composing;

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
    let state = Suggestions {
        id,
        choices: StoredValue::new(choices),
        text: RwSignal::new(value.clone()),
        open: RwSignal::new(false),
        active: RwSignal::new(None),
        on_input,
    };
    let Suggestions { text, open, active, .. } = state;
    let option = move |(index, choice): (usize, String)| {
        let label = choice.clone();
        view! {
            <li
                id=state.option_id(index)
                class="cursor-pointer rounded-md px-3 py-2 hover:bg-sunken aria-selected:bg-accent-soft aria-selected:text-accent"
                role="option"
                aria-selected=Signal::derive(move || (active.get() == Some(index)).to_string())
                on:click=move |_| {
                    state.enter(choice.clone());
                    state.close();
                }
            >
                {label}
            </li>
        }
    };
    let nothing_found = Signal::derive(move || open.get() && state.found().is_empty());
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
                    aria-activedescendant=Signal::derive(move || active.get().map(|index| state.option_id(index)))
                    aria-invalid=error.is_some().then_some("true")
                    aria-describedby=described_by
                    on:click=move |_| open.set(true)
                    on:blur=move |_| state.close()
                    on:keydown=move |event| state.follow_key(&event)
                    on:input=move |event| {
                        state.enter(event_target_value(&event));
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
                    <ul
                        id=format!("{id}-list")
                        class="max-h-60 overflow-y-auto"
                        role="listbox"
                        aria-label=label
                        hidden=nothing_found
                    >
                        {move || state.found().into_iter().enumerate().map(option).collect::<Vec<_>>()}
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

/// What is typed, and what is suggested for it.
#[derive(Clone, Copy)]
struct Suggestions {
    id: &'static str,
    choices: StoredValue<Vec<String>>,
    text: RwSignal<String>,
    open: RwSignal<bool>,
    /// The place of the chosen one among those that fit.
    active: RwSignal<Option<usize>>,
    on_input: Option<Callback<String>>,
}

impl Suggestions {
    /// The choices that fit. Opened with one of them in the field, the list shows all.
    fn found(self) -> Vec<String> {
        let (choices, wanted) = (self.choices.read_value(), self.text.get().to_lowercase());
        let is_choice = choices.iter().any(|choice| choice.to_lowercase() == wanted);
        choices.iter().filter(|choice| is_choice || choice.to_lowercase().contains(&wanted)).cloned().collect()
    }

    fn option_id(self, index: usize) -> String {
        format!("{}-option-{index}", self.id)
    }

    fn enter(self, text: String) {
        self.text.set(text.clone());
        if let Some(on_input) = self.on_input {
            on_input.run(text);
        }
    }

    fn close(self) {
        self.open.set(false);
        self.active.set(None);
    }

    fn go_to(self, index: usize) {
        self.open.set(true);
        self.active.set(Some(index));
        if let Some(option) = document().get_element_by_id(&self.option_id(index)) {
            let nearest = ScrollIntoViewOptions::new();
            nearest.set_block(ScrollLogicalPosition::Nearest);
            option.scroll_into_view_with_scroll_into_view_options(&nearest);
        }
    }

    fn follow_key(self, event: &ev::KeyboardEvent) {
        if is_composing(event) {
            return;
        }
        let found = untrack(|| self.found());
        let (count, at, is_open) = (found.len(), self.active.get_untracked(), self.open.get_untracked());
        let last = count.saturating_sub(1);
        match event.key().as_str() {
            "ArrowUp" if event.alt_key() => self.close(),
            "ArrowDown" if event.alt_key() => self.open.set(true),
            "ArrowDown" if count > 0 => self.go_to(at.map_or(0, |at| if at == last { 0 } else { at + 1 })),
            "ArrowUp" if count > 0 => self.go_to(at.map_or(last, |at| if at == 0 { last } else { at - 1 })),
            "Home" if is_open && count > 0 => self.go_to(0),
            "End" if is_open && count > 0 => self.go_to(last),
            "Enter" if is_open => {
                if let Some(chosen) = at.and_then(|at| found.get(at)) {
                    self.enter(chosen.clone());
                }
                self.close();
            }
            "Escape" if is_open => self.close(),
            "Escape" => self.enter(String::new()),
            _ => return,
        }
        event.prevent_default();
    }
}
