//! The page and its frame. The document around it is `document/shell.rs`.

use leptos::prelude::*;

use super::components::{Contents, EntrySection};
use super::examples::{GROUPS, Group};
use crate::ui::{Logo, ThemeSwitch, follow_theme_forms, still};

/// Where it is.
pub const GALLERY_PATH: &str = "/components";

/// The root of what hydrates at [`GALLERY_PATH`].
#[component]
pub fn GalleryPage() -> impl IntoView {
    follow_theme_forms();
    let wanted = RwSignal::new(String::new());
    let group = move |group: &'static Group| {
        let section = |entry| view! { <EntrySection entry wanted /> };
        view! {
            <div class="space-y-12" hidden=Signal::derive(move || !group.has(&wanted.read()))>
                <h2 class="border-b border-line pb-2 text-sm font-medium text-ink-soft">{group.name}</h2>
                {group.entries.iter().map(section).collect::<Vec<_>>()}
            </div>
        }
    };
    let nothing_found = Signal::derive(move || !GROUPS.iter().any(|group| group.has(&wanted.read())));
    view! {
        {still(|| {
            view! {
                <a
                    href="#main"
                    class="sr-only focus:not-sr-only focus:absolute focus:z-10 focus:m-2 focus:rounded-md focus:bg-accent \
                           focus:px-4 focus:py-2 focus:text-on-accent"
                >
                    "Skip to content"
                </a>
            }
        })}
        <header class="border-b border-line bg-surface">
            {still(|| {
                view! {
                    <div class="mx-auto flex h-14 w-full max-w-6xl items-center justify-between px-4 sm:px-6">
                        <a href="/" class="rounded-md py-1.5">
                            <Logo />
                        </a>
                        <ThemeSwitch next=GALLERY_PATH />
                    </div>
                }
            })}
        </header>
        <div class="mx-auto grid w-full max-w-6xl grid-cols-1 gap-10 px-4 pt-8 pb-24 sm:px-6 lg:grid-cols-[12rem_minmax(0,1fr)]">
            <nav class="sticky top-6 hidden max-h-[calc(100dvh-3rem)] self-start overflow-y-auto lg:block" aria-label="Contents">
                <Contents wanted />
            </nav>
            <main id="main" tabindex="-1" class="min-w-0 space-y-16 outline-none">
                <div>
                    {still(|| {
                        view! {
                            <h1 class="text-3xl font-semibold tracking-tight">"Components"</h1>
                            <p class="mt-3 mb-6 max-w-prose text-ink-soft">
                                "What every page is made of: each with its variants, in both themes, and with the code to paste. \
                                 What is said about them is read from their sources."
                            </p>
                        }
                    })}
                    <div class="space-y-3">
                        <input
                            type="search"
                            class="h-10 w-full rounded-md border border-line-strong bg-surface px-3 sm:max-w-xs noscript:hidden"
                            placeholder="Find a component"
                            aria-label="Find a component"
                            autocomplete="off"
                            on:input=move |event| wanted.set(event_target_value(&event).trim().to_lowercase())
                        />
                        <details class="rounded-md border border-line bg-surface px-4 py-2 lg:hidden">
                            <summary class="py-1 font-medium">"Contents"</summary>
                            <nav class="pt-3 pb-2" aria-label="Contents">
                                <Contents wanted />
                            </nav>
                        </details>
                    </div>
                    <p class="pt-3 text-ink-soft" role="status">
                        {move || nothing_found.get().then_some("No component is called that.")}
                    </p>
                </div>
                {GROUPS.iter().map(group).collect::<Vec<_>>()}
            </main>
        </div>
    }
}
