//! Who could answer, at what price and how they are: what the button in the composer opens. It is here because it stays
//! while pages come and go; `chat/browser/provider_choice.rs` brings it to life when it is first opened.

use leptos::prelude::*;

use crate::chat::{
    AGAIN_ID, EFFORT_NAME, EFFORTS, FIND_AGAIN_ID, FIND_MODEL_ID, PROVIDERS_ID, ProviderInfo, describe, provider_label,
    with_effort,
};
use crate::credits::credits_text;
use crate::i18n::{Text, fill, t};
use crate::layout::use_workspace;

/// So many are seen at once: more can be searched.
const FEW: usize = 8;

/// One line per model and alias, after the one that leaves it open. Without a script it is a list of the composer's form. Only
/// the server makes it.
#[component]
pub fn ProviderPanel() -> impl IntoView {
    let facts = use_workspace().facts.read_value().clone();
    let (providers, picked) = (facts.providers, facts.provider.unwrap_or_default());
    let effort = facts.effort.unwrap_or_default();
    // A model of each: those that are asked first.
    let mut order: Vec<_> =
        providers.iter().filter(|one| !one.is_alias).map(|one| provider_label(&one.provider)).collect();
    order.dedup();
    let automatic = fill(
        Text::AutomaticExplained,
        &[("price", &credits_text(facts.chat_credits)), ("order", &order.join(t(Text::ThenNext)))],
    );
    let option = |provider: &ProviderInfo| {
        let label = if provider.label == provider.model {
            provider.label.clone()
        } else {
            format!("{} · {}", provider.label, provider.model)
        };
        // One for each effort, where there is a choice.
        let is_able = provider.thinks == Some(true);
        let efforts =
            EFFORTS.into_iter().filter(|_| is_able).map(|(name, text)| (name, format!("{label} · {}", t(text))));
        let names: Vec<_> = std::iter::once(("", label.clone())).chain(efforts).collect();
        let is_picked = |name: &str| picked == provider.name && (effort == name || !is_able);
        let option = |(name, label): (&str, String)| {
            view! {
                <option value=with_effort(&provider.name, Some(name)) selected=is_picked(name)>
                    {label}
                </option>
            }
        };
        names.into_iter().map(option).collect::<Vec<_>>()
    };
    let options: Vec<_> = providers.iter().map(option).collect();
    let efforts: Vec<_> = std::iter::once(("", Text::ThinksAsUsual))
        .chain(EFFORTS)
        .map(|(name, text)| {
            let is_chosen = effort == name;
            view! {
                <label class="flex-1 cursor-pointer rounded-md px-2 py-1.5 text-center has-checked:bg-accent-soft not-has-checked:hover:bg-sunken has-focus-visible:outline-2">
                    <input type="radio" name=EFFORT_NAME value=name checked=is_chosen class="sr-only" />
                    {t(text)}
                </label>
            }
        })
        .collect();
    let lines: Vec<_> = providers
        .into_iter()
        .map(|provider| {
            let is_picked = picked == provider.name;
            let details = describe(&provider);
            let problem = Some(provider.problem.unwrap_or_default());
            let thinks = provider.thinks == Some(true);
            view! { <Line name=provider.name title=provider.label details is_picked problem thinks /> }
        })
        .collect();
    let nobody_is_picked = picked.is_empty();
    let find = (facts.has_more || lines.len() > FEW).then(|| view! { <FindModel id=FIND_MODEL_ID /> });
    view! {
        <div
            id=PROVIDERS_ID
            popover="auto"
            role="dialog"
            aria-label=t(Text::Model)
            class="group/models popover [position-area:top_span-right] rounded-md border border-line bg-surface p-1 text-sm text-ink"
        >
            {find}
            <div
                role="radiogroup"
                aria-label=t(Text::Model)
                data-models=""
                class="max-h-[60vh] w-80 max-w-[calc(100vw-4rem)] space-y-0.5 overflow-y-auto noscript:hidden"
            >
                <Line name=String::new() title=t(Text::Automatic).to_owned() details=automatic is_picked=nobody_is_picked problem=None thinks=false />
                {lines}
            </div>
            <div class="mt-1 hidden w-80 max-w-[calc(100vw-4rem)] border-t border-line px-2 pt-2 pb-1 text-xs group-has-[[data-thinks]:checked]/models:block noscript:hidden">
                <p class="text-ink-soft">{t(Text::HowMuchItThinks)}</p>
                <div role="radiogroup" aria-label=t(Text::HowMuchItThinks) class="flex gap-0.5 pt-1">
                    {efforts}
                </div>
            </div>
            <noscript>
                <select name="provider" form="composer-form" aria-label=t(Text::Model) class="max-w-80 bg-surface p-2">
                    <option value="">{t(Text::Automatic)}</option>
                    {options}
                </select>
            </noscript>
        </div>
    }
}

/// The field that finds one of many models.
#[component]
fn FindModel(
    /// What the code of the panel knows it by.
    id: &'static str,
) -> impl IntoView {
    view! {
        <input
            id=id
            type="search"
            autocomplete="off"
            placeholder=t(Text::FindModel)
            aria-label=t(Text::FindModel)
            class="mb-1 h-9 w-full rounded-md border border-line bg-surface px-3 text-sm noscript:hidden"
        />
    }
}

/// Who can be asked the last question again; nothing where there is no choice. `chat/browser/versions.rs` brings it to life.
#[component]
pub fn AgainPanel() -> impl IntoView {
    let facts = use_workspace().facts.read_value().clone();
    let providers = facts.providers;
    (providers.len() > 1).then(|| {
        let find = (facts.has_more || providers.len() > FEW).then(|| view! { <FindModel id=FIND_AGAIN_ID /> });
        let lines = providers.into_iter().enumerate().map(|(index, ProviderInfo { name, label, model, .. })| {
            let is_first = index == 0;
            view! {
                <button
                    type="button"
                    value=name
                    autofocus=is_first
                    class="block w-full rounded-md px-3 py-2 text-left hover:bg-sunken"
                >
                    <span class="block font-medium" data-title="">
                        {label}
                    </span>
                    <span class="block text-xs break-words text-ink-soft" data-details="">
                        {model}
                    </span>
                </button>
            }
        });
        view! {
            <div
                id=AGAIN_ID
                popover="auto"
                role="dialog"
                aria-label=t(Text::TryAgainWith)
                class="popover [position-area:top_span-right] max-h-[60vh] max-w-[calc(100vw-4rem)] min-w-48 \
                       overflow-y-auto rounded-md border border-line bg-surface p-1 text-sm text-ink"
            >
                {find}
                {lines.collect::<Vec<_>>()}
            </div>
        }
    })
}

/// A line of the list.
#[component]
fn Line(
    /// What it is picked by; empty: whoever can answers.
    name: String,
    /// What people call it.
    title: String,
    /// Its model, its price, its size.
    details: String,
    /// It is the one that is asked first.
    is_picked: bool,
    /// Why it cannot answer now; empty if it can, `None` where that is no question.
    problem: Option<String>,
    /// How much it thinks can be chosen.
    thinks: bool,
) -> impl IntoView {
    let (title_id, details_id) = (format!("provider-title-{name}"), format!("provider-details-{name}"));
    let health = problem.map(|problem| {
        let is_well = problem.is_empty();
        let text = if is_well { t(Text::Ready).to_owned() } else { problem };
        view! {
            <span
                class="block text-xs break-words text-danger data-well:text-success"
                data-health=name.clone()
                data-well=is_well
            >
                {text}
            </span>
        }
    });
    view! {
        <label class="flex cursor-pointer items-start gap-3 rounded-md px-3 py-2 not-has-checked:hover:bg-sunken has-checked:bg-accent-soft">
            <input
                type="radio"
                name="picked-provider"
                value=name
                checked=is_picked
                data-thinks=thinks
                class="mt-1 shrink-0 accent-accent"
                aria-labelledby=title_id.clone()
                aria-describedby=details_id.clone()
            />
            <span class="min-w-0">
                <span id=title_id class="block font-medium break-words" data-title="">
                    {title}
                </span>
                <span id=details_id>
                    <span class="block text-xs break-words text-ink-soft" data-details="">
                        {details}
                    </span>
                    {health}
                </span>
            </span>
        </label>
    }
}
