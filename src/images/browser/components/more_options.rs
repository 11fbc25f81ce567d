//! What few ask for: the seed, and who makes the images.

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement};

use crate::i18n::{Text, t};
use crate::images::ImageProviderInfo;
use crate::images::browser::collection::{Collection, painter_label};
use crate::images::browser::parts::{OPTIONS, part};
use crate::ui::{Choice, Field, Icon, IconName, Select, still};

const SEED_ID: &str = "image-seed";
const PROVIDER_ID: &str = "image-provider";

/// Closed, unless it holds something. The fields come with the HTML, or later with what talks to the server: a form that is made
/// in the browser has been loaded by that.
#[component]
pub fn MoreOptions(
    /// Whose seed it is.
    collection: Collection,
    /// The provider to ask first; empty: the first that can.
    chosen: RwSignal<String>,
) -> impl IntoView {
    let is_used = !collection.seed.read_untracked().is_empty();
    let fields = move || {
        let is_missing = collection.has_parts.get() && document().get_element_by_id(SEED_ID).is_none();
        is_missing.then(|| part(collection, &OPTIONS))
    };
    let choose = move |event: ev::Event| {
        let is_provider = |element: &Element| element.id() == PROVIDER_ID;
        let field = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if field.as_ref().is_some_and(is_provider) {
            chosen.set(event_target_value(&event));
        }
    };
    view! {
        <details class="group text-sm" open=is_used on:change=choose>
            <summary class="inline-flex list-none items-center gap-1 rounded-md text-ink-soft hover:text-ink">
                <Icon name=IconName::ChevronDown class="size-4 -rotate-90 transition-transform group-open:rotate-0" />
                {t(Text::MoreOptions)}
            </summary>
            <div class="grid gap-4 pt-3 @xl:grid-cols-2">
                {still(move || view! { <OptionFields collection /> })}
                {fields}
            </div>
        </details>
    }
}

/// The seed, and who makes the images where there is a choice.
#[component]
pub fn OptionFields(
    /// Whose seed it is.
    collection: Collection,
) -> impl IntoView {
    let choice = |provider: &ImageProviderInfo| {
        let label = [painter_label(&provider.name), &provider.model].join(" · ");
        let label = provider.problem.as_ref().map_or(label.clone(), |why| format!("{label}: {why}"));
        Choice::new(provider.name.clone(), label)
    };
    let studio = collection.studio.read_untracked();
    let providers = studio.as_ref().map(|studio| &*studio.providers).unwrap_or_default();
    let select = (providers.len() > 1).then(|| {
        let automatic = Choice::new("", t(Text::Automatic));
        let choices: Vec<_> = [automatic].into_iter().chain(providers.iter().map(choice)).collect();
        view! { <Select name="provider" label=t(Text::MadeBy) id=PROVIDER_ID choices /> }
    });
    let value = collection.seed.get_untracked();
    view! {
        <Field name="seed" label=t(Text::Seed) id=SEED_ID value hint=t(Text::SeedHint) />
        {select}
    }
}

/// What the field of the seed holds.
pub fn typed_seed() -> String {
    let field = document().get_element_by_id(SEED_ID).and_then(|field| field.dyn_into::<HtmlInputElement>().ok());
    field.map(|field| field.value()).unwrap_or_default()
}
