//! One entry: its example in both themes, its knobs, its code and its props.

use leptos::prelude::*;

use super::code::ExampleCode;
use super::knob_panel::KnobPanel;
use super::parts_table::{PropsTable, TypeLine};
use crate::showcase::examples::Entry;
use crate::showcase::knobs::{Knobs, Pane};
use crate::showcase::types::Catalog;
use crate::ui::{Eager, still};

/// A section of the page.
#[component]
pub fn EntrySection(
    /// What it is about.
    entry: &'static Entry,
    /// What is looked for, in small letters.
    wanted: RwSignal<String>,
) -> impl IntoView {
    let mut knobs = Knobs::default();
    let demo = StoredValue::new((entry.example)(&mut knobs));
    let knobs = knobs.0;
    // The browser has none: it finds there what the server rendered.
    let document = use_context::<Catalog>().and_then(|catalog| catalog.find(entry.function));
    let anchor = entry.anchor();
    let pane = move |pane: Pane| {
        view! {
            <div class="flex min-w-0 flex-col bg-canvas text-ink" data-theme=pane.theme()>
                <p class="px-4 pt-3 text-xs text-ink-soft">{pane.label()}</p>
                <div class="flex min-h-36 min-w-0 flex-1 flex-col items-center justify-center gap-4 p-6">
                    <div class="flex w-full max-w-sm flex-wrap items-center justify-center gap-4 \
                                [&>:is(div,fieldset):not([popover])]:w-full">
                        {move || Eager(demo.with_value(|demo| demo.show(pane)))}
                    </div>
                </div>
            </div>
        }
    };
    let panes = demo.with_value(|demo| demo.panes);
    let has_knobs = !knobs.is_empty();
    let code_id = format!("{anchor}-code");
    let heading = anchor.clone();
    view! {
        <section class="space-y-4" hidden=Signal::derive(move || !entry.has(&wanted.read()))>
            {still(move || {
                view! {
                    <h3 id=heading class="mb-4 scroll-mt-6 text-xl font-semibold tracking-tight">
                        {entry.name}
                    </h3>
                }
            })}
            <div class="rounded-md border border-line bg-surface">
                {has_knobs.then(|| view! { <KnobPanel anchor knobs=knobs.clone() /> })}
                <div class="grid grid-cols-1 *:last:rounded-b-md first:*:first:rounded-t-md sm:grid-cols-2 sm:*:first:rounded-bl-md \
                            sm:*:last:not-first:rounded-bl-none sm:first:*:first:not-last:rounded-tr-none \
                            sm:first:*:last:rounded-tr-md">
                    {panes.iter().map(|each| pane(*each)).collect::<Vec<_>>()}
                </div>
            </div>
            <ExampleCode id=code_id code=document.map(|document| &*document.code).unwrap_or_default() knobs />
            {still(move || {
                let components = document.into_iter().flat_map(|document| &document.components);
                let types = document.into_iter().flat_map(|document| &document.types);
                view! {
                    <div class="mt-4 space-y-4">
                        {components.map(|component| view! { <PropsTable component /> }).collect::<Vec<_>>()}
                        {types.map(|kind| view! { <TypeLine kind /> }).collect::<Vec<_>>()}
                    </div>
                }
            })}
        </section>
    }
}
