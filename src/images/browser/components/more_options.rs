//! What few ask for: the seed, and who makes the images.

use leptos::{html, prelude::*};

use crate::i18n::{Text, t};
use crate::images::ImageProviderInfo;
use crate::images::browser::collection::{Collection, painter_label};
use crate::ui::{Choice, Field, Icon, IconName, Select};

/// Closed, unless it holds something.
#[component]
pub fn MoreOptions(
    /// Whose seed it is.
    collection: Collection,
    /// Who makes images.
    providers: Vec<ImageProviderInfo>,
    /// The field of the seed.
    seed: NodeRef<html::Input>,
    /// The provider to ask first; empty: the first that can.
    chosen: RwSignal<String>,
) -> impl IntoView {
    let choice = |provider: ImageProviderInfo| {
        let label = [painter_label(&provider.name), &provider.model].join(" · ");
        let label = provider.problem.map_or(label.clone(), |why| format!("{label}: {why}"));
        Choice::new(provider.name, label)
    };
    let select = (providers.len() > 1).then(|| {
        let automatic = Choice::new("", t(Text::Automatic));
        let choices: Vec<_> = [automatic].into_iter().chain(providers.into_iter().map(choice)).collect();
        let on_change = move |name| chosen.set(name);
        view! { <Select name="provider" label=t(Text::MadeBy) id="image-provider" choices on_change /> }
    });
    let value = collection.seed.get_untracked();
    let is_used = !value.is_empty();
    view! {
        <details class="group text-sm" open=is_used>
            <summary class="inline-flex list-none items-center gap-1 rounded-md text-ink-soft hover:text-ink">
                <Icon name=IconName::ChevronDown class="size-4 -rotate-90 transition-transform group-open:rotate-0" />
                {t(Text::MoreOptions)}
            </summary>
            <div class="grid gap-4 pt-3 @xl:grid-cols-2">
                <Field name="seed" label=t(Text::Seed) id="image-seed" value hint=t(Text::SeedHint) input=seed />
                {select}
            </div>
        </details>
    }
}
