//! Where a page stands, from the top down.

use leptos::prelude::*;

use super::{Icon, IconName};

/// Links to the pages above this one, which comes last.
#[component]
pub fn Breadcrumbs(
    /// What it is, for screen readers.
    label: &'static str,
    /// Address and name of each page above, the topmost first.
    above: Vec<(&'static str, String)>,
    /// The name of this page.
    #[prop(into)]
    here: String,
) -> impl IntoView {
    let link = |(href, name): (&'static str, String)| {
        view! {
            <li class="flex min-w-0 items-center gap-1">
                <a class="truncate rounded-md py-1 text-ink-soft hover:text-ink" href=href>
                    {name}
                </a>
                <Icon name=IconName::ChevronDown class="size-3.5 shrink-0 -rotate-90 text-ink-soft" />
            </li>
        }
    };
    view! {
        <nav aria-label=label>
            <ol class="flex min-w-0 flex-wrap items-center gap-1 text-sm">
                {above.into_iter().map(link).collect::<Vec<_>>()}
                <li class="truncate py-1 font-medium" aria-current="page">
                    {here}
                </li>
            </ol>
        </nav>
    }
}
