//! Where the user says what to make. A form: without a script it posts to /images.

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::HtmlTextAreaElement;

use super::example_list::ExampleList;
use super::make_button::{MakeButton, way_to_credits};
use super::more_options::{MoreOptions, typed_seed};
use super::number_picker::NumberPicker;
use super::ratio_picker::RatioPicker;
use crate::i18n::{Text, fill, t};
use crate::images::browser::collection::Collection;
use crate::images::browser::send::Wish;
use crate::images::browser::{draft, talk};
use crate::images::{AspectRatio, ImageProviderInfo, Studio};
use crate::platform::amount::Amount;
use crate::ui::{Alert, AlertTone, is_send};

const FIELD_ID: &str = "image-prompt";
/// From so many characters before the limit on, the rest is counted.
const COUNT_FROM: usize = 200;

/// The prompt with shape, number, price and button.
#[component]
pub fn MakeForm(
    /// Where the images go.
    collection: Collection,
    /// What can be asked for.
    studio: Studio,
) -> impl IntoView {
    let Studio { problem, providers, aspect_ratios, max_prompt_chars, .. } = studio;
    let prompt = collection.prompt;
    let provider = RwSignal::new(String::new());
    // Until the script runs, nobody knows what is in the field, and the form works by itself.
    let running_script = RwSignal::new(false);
    follow_prompt(collection, running_script);
    let available = collection.workspace.available;
    let cost = cost_of(collection, provider, &providers);
    let is_over = Signal::derive(move || prompt.read().chars().count() > max_prompt_chars);
    // While it is sent, the button stays: the focus is on it.
    let cannot_make =
        Signal::derive(move || running_script.get() && (prompt.read().trim().is_empty() || is_over.get()));
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let is_sending = collection.sending.get_untracked();
        if cannot_make.get_untracked() || is_sending || cost.get_untracked() > available.get_untracked() {
            return;
        }
        let typed = typed_seed();
        collection.seed.set(typed.clone());
        let Ok(seed) = read_seed(&typed) else {
            collection.failure_code.set(String::new());
            return collection.failure.set(t(Text::SeedWrong).to_owned());
        };
        talk::make(
            collection,
            Wish {
                prompt: prompt.read_untracked().trim().to_owned(),
                ratio: collection.ratio.get_untracked(),
                provider: provider.get_untracked(),
                seed,
                number: collection.number.get_untracked(),
            },
        );
    };
    let make_on_enter = move |event: ev::KeyboardEvent| {
        if is_send(&event) {
            event.prevent_default();
            if let Some(form) = prompt_field().and_then(|field| field.form()) {
                // It fails only for a form that has left the document.
                drop(form.request_submit());
            }
        }
    };
    let counted = move || {
        let chars = prompt.read().chars().count();
        (chars > 0 && chars + COUNT_FROM >= max_prompt_chars).then(|| {
            fill(Text::CharactersOf, &[("count", &chars.to_string()), ("most", &max_prompt_chars.to_string())])
        })
    };
    let failure = move || {
        let text = collection.failure.get();
        let link = (*collection.failure_code.read_untracked() == "insufficient_credits")
            .then(|| (way_to_credits(collection), t(Text::GetMoreCredits)));
        (!text.is_empty()).then(|| view! { <Alert tone=AlertTone::Danger text link /> })
    };
    let only_sketches = !providers.is_empty() && providers.iter().all(|provider| !provider.is_ai);
    let on_pick = Callback::new(move |example: &'static str| {
        prompt.set(example.to_owned());
        focus_prompt();
    });
    // Where nothing fits a search, its field stays where it is.
    let is_sought = move || collection.filter.with(|filter| filter.favorites || !filter.q.is_empty());
    let has_images = Signal::derive(move || is_sought() || !collection.tiles.read().is_empty());
    view! {
            <form method="post" action="/images" novalidate=running_script class="space-y-3" on:submit=submit>
                {problem.map(|text| view! { <Alert text /> })}
                {failure}
                <div class="space-y-2 rounded-md border border-line-strong bg-surface p-2 outline-accent has-[textarea:focus-visible]:outline-2">
                    <textarea
                        id=FIELD_ID
                        name="prompt"
                        dir="auto"
                        aria-label=t(Text::ImagePrompt)
                        placeholder=t(Text::ImagePromptPlaceholder)
                        required
                        rows="2"
                        class="field-sizing-content block max-h-48 min-h-16 w-full resize-none bg-transparent px-2 py-1.5 outline-none \
                               placeholder:text-ink-soft"
                        on:input=move |event| prompt.set(event_target_value(&event))
                        on:keydown=make_on_enter
                    >
                        {as_field_text(&prompt.read_untracked())}
                    </textarea>
                    <p class="px-2 text-right text-xs text-ink-soft tabular-nums empty:hidden data-[over=true]:text-danger" data-over=move || is_over.get().to_string()>
                        {counted}
                    </p>
                    <RatioPicker collection ratios=aspect_ratios />
                    <div class="flex flex-wrap items-center justify-between gap-2 border-t border-line pt-2">
                        <NumberPicker collection />
                        <div class="flex grow flex-wrap items-center justify-end gap-2">
    <MakeButton collection cost disabled=cannot_make />
    </div>
                    </div>
                </div>
                <MoreOptions collection chosen=provider />
                {only_sketches.then(|| view! { <p class="text-sm text-ink-soft">{t(Text::OnlySketches)}</p> })}
                <ExampleList in_a_row=has_images on_pick />
            </form>
        }
}

/// What is asked for costs, by whoever is picked, or is asked first.
fn cost_of(collection: Collection, provider: RwSignal<String>, providers: &[ImageProviderInfo]) -> Memo<Amount> {
    let prices: Vec<_> = providers.iter().map(|one| (one.name.clone(), one.credits.clone())).collect();
    Memo::new(move |_| {
        let (picked, ratio) = (provider.read(), collection.ratio.get());
        let of = prices.iter().find(|(name, _)| *name == *picked).or(prices.first());
        let at = AspectRatio::ALL.iter().position(|known| *known == ratio).unwrap_or_default();
        let one = of.and_then(|(_, credits)| credits.get(at)).copied().unwrap_or_default();
        one.times(collection.number.get())
    })
}

/// Leptos writes what is in a field into the HTML as it is. An address can put anything there.
fn as_field_text(text: &str) -> String {
    if cfg!(target_arch = "wasm32") { text.to_owned() } else { text.replace('&', "&amp;").replace('<', "&lt;") }
}

/// Keeps the field, the prompt and what the browser remembers of it the same.
fn follow_prompt(collection: Collection, running_script: RwSignal<bool>) {
    let prompt = collection.prompt;
    Effect::new(move |_| {
        let Some(field) = prompt_field() else { return };
        if !running_script.get_untracked() {
            running_script.set(true);
            // Typed before the script ran, or left there before.
            let typed = field.value();
            if prompt.read_untracked().is_empty() {
                prompt.set(if typed.is_empty() { draft::find(collection.workspace) } else { typed });
            }
        }
        let text = prompt.read();
        if field.value() != *text {
            field.set_value(&text);
        }
        draft::keep(collection.workspace, &text);
    });
}

fn prompt_field() -> Option<HtmlTextAreaElement> {
    document().get_element_by_id(FIELD_ID).map(JsCast::unchecked_into)
}

fn focus_prompt() {
    if let Some(field) = prompt_field() {
        // It fails only for an element that has left the document.
        drop(field.focus());
    }
}

/// A seed as it is typed; nothing for one by chance.
fn read_seed(typed: &str) -> Result<Option<u32>, std::num::ParseIntError> {
    let typed = typed.trim();
    if typed.is_empty() { Ok(None) } else { typed.parse().map(Some) }
}
