//! The pages of a list that knows how many it has. Lists that go on by a cursor need only a button.

use leptos::either::Either;
use leptos::prelude::*;

use super::{Icon, IconName};

/// Links to the pages around this one, the first and the last. They work without a script.
#[component]
pub fn Pagination(
    /// What it leads through, for screen readers.
    label: &'static str,
    /// The page that is shown, from 1.
    page: u32,
    /// How many there are.
    pages: u32,
    /// The address of a page, but for its number at the end.
    base: &'static str,
    /// What the link to the page before says, for screen readers.
    previous: &'static str,
    /// What the link to the page after says, for screen readers.
    next: &'static str,
    /// Is told the page instead of the browser's following the link.
    #[prop(optional, into)]
    on_page: Option<Callback<u32>>,
) -> impl IntoView {
    const TILE: &str = "inline-flex size-9 items-center justify-center rounded-md tabular-nums";
    let follow = move |event: leptos::ev::MouseEvent, to: u32| {
        if let Some(on_page) = on_page {
            event.prevent_default();
            on_page.run(to);
        }
    };
    let number = move |to: Option<u32>| match to {
        None => Either::Left(view! {
            <li class=format!("{TILE} text-ink-soft") aria-hidden="true">
                "…"
            </li>
        }),
        Some(to) => Either::Right(view! {
            <li>
                <a
                    class=format!("{TILE} text-ink-soft hover:bg-sunken aria-[current]:bg-accent-soft aria-[current]:text-accent")
                    href=format!("{base}{to}")
                    aria-current=(to == page).then_some("page")
                    on:click=move |event| follow(event, to)
                >
                    {to}
                </a>
            </li>
        }),
    };
    let arrow = move |to: Option<u32>, label: &'static str, turn: &'static str| {
        view! {
            <li>
                // A link without an address cannot be followed, and stays where it was.
                <a
                    class=format!("{TILE} text-ink-soft hover:bg-sunken aria-disabled:opacity-40 aria-disabled:hover:bg-transparent")
                    href=to.map(|to| format!("{base}{to}"))
                    role=to.is_none().then_some("link")
                    aria-disabled=to.is_none().then_some("true")
                    aria-label=label
                    on:click=move |event| {
                        if let Some(to) = to {
                            follow(event, to);
                        }
                    }
                >
                    <Icon name=IconName::ChevronDown class=turn />
                </a>
            </li>
        }
    };
    view! {
        <nav aria-label=label>
            <ul class="flex flex-wrap items-center gap-1 text-sm">
                {arrow((page > 1).then(|| page - 1), previous, "size-4 rotate-90")}
                {pages_around(page, pages).into_iter().map(number).collect::<Vec<_>>()}
                {arrow((page < pages).then(|| page + 1), next, "size-4 -rotate-90")}
            </ul>
        </nav>
    }
}

/// The first page, the last, and those around `page`; `None` where some are left out.
fn pages_around(page: u32, pages: u32) -> Vec<Option<u32>> {
    let mut shown = Vec::new();
    let mut before = 0;
    for at in (1..=pages).filter(|at| *at == 1 || *at == pages || at.abs_diff(page) <= 1) {
        match at - before {
            1 => {}
            // A gap of one takes as much room as the page itself.
            2 => shown.push(Some(at - 1)),
            _ => shown.push(None),
        }
        shown.push(Some(at));
        before = at;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::pages_around;

    fn line(page: u32, pages: u32) -> String {
        let name = |page: Option<u32>| page.map_or_else(|| "…".to_owned(), |page| page.to_string());
        pages_around(page, pages).into_iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_ends_and_the_neighbours_are_in_reach() {
        assert_eq!(line(6, 12), "1 … 5 6 7 … 12");
        assert_eq!(line(1, 12), "1 2 … 12");
        assert_eq!(line(12, 12), "1 … 11 12");
    }

    #[test]
    fn a_single_page_is_not_left_out() {
        assert_eq!(line(4, 7), "1 2 3 4 5 6 7");
        assert_eq!(line(1, 1), "1");
        assert_eq!(line(1, 0), "");
    }
}
