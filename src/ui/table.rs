//! Rows and columns. It knows how to show them; sorting and loading are left to the page that has the rows.

use leptos::prelude::*;

use super::{Icon, IconName, Skeleton};

/// Where the cells of a column stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Align {
    /// Where texts begin.
    #[default]
    Start,
    /// Where numbers end.
    End,
}

impl Align {
    /// The utilities of this place.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Start => "text-left",
            Self::End => "text-right tabular-nums",
        }
    }
}

/// The head of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// What it says.
    pub label: &'static str,
    /// Where its cells stand.
    pub align: Align,
    /// Whether rows can be sorted by it.
    pub is_sortable: bool,
}

impl Column {
    /// A column of texts.
    #[must_use]
    pub const fn text(label: &'static str) -> Self {
        Self { label, align: Align::Start, is_sortable: false }
    }

    /// A column of numbers.
    #[must_use]
    pub const fn number(label: &'static str) -> Self {
        Self { label, align: Align::End, is_sortable: false }
    }

    /// The same, with a button that sorts by it.
    #[must_use]
    pub const fn sortable(self) -> Self {
        Self { is_sortable: true, ..self }
    }
}

/// What rows are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sort {
    /// The place of the column, from 0.
    pub column: usize,
    /// The greatest first.
    pub is_descending: bool,
}

/// What a table has to show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TableState {
    /// Its rows.
    #[default]
    Ready,
    /// The rows are on their way: it shows their shape.
    Loading,
    /// There are none: it says so.
    Empty,
}

/// A table in a region of its own, which scrolls sideways and takes the focus for it. Its head stays in view.
#[component]
pub fn Table<C: IntoView + 'static>(
    /// What it lists, for screen readers.
    label: &'static str,
    /// The heads of its columns.
    columns: Vec<Column>,
    /// What it has to show.
    #[prop(optional)]
    state: TableState,
    /// What it says when there are no rows.
    empty: &'static str,
    /// What rows are sorted by; a press on a head changes it.
    #[prop(optional)]
    sort: Option<RwSignal<Sort>>,
    /// Utilities for its height and place.
    #[prop(default = "max-h-96")]
    class: &'static str,
    /// Its rows: `<tr>` with [`TableCell`]s.
    children: TypedChildren<C>,
) -> impl IntoView {
    let width = columns.len();
    let head = move |(index, column): (usize, Column)| {
        view! {
            <th
                scope="col"
                class=format!("sticky top-0 border-b border-line bg-surface px-3 py-2 font-medium break-keep {}", column.align.class())
                aria-sort=Signal::derive(move || {
                    let sort = sort.filter(|_| column.is_sortable)?.get();
                    (sort.column == index).then_some(if sort.is_descending { "descending" } else { "ascending" })
                })
            >
                {match sort.filter(|_| column.is_sortable) {
                    Some(sort) => view! { <SortButton index column sort /> }.into_any(),
                    None => column.label.into_any(),
                }}
            </th>
        }
    };
    let skeletons = move || {
        let cell = |_| view! { <td class="px-3 py-3"><Skeleton /></td> };
        let row = |_| view! { <tr>{(0..width).map(cell).collect::<Vec<_>>()}</tr> };
        (0..3).map(row).collect::<Vec<_>>()
    };
    view! {
        <div
            class=format!("overflow-auto rounded-md border border-line bg-surface {class}")
            role="region"
            tabindex="0"
            aria-label=label
            aria-busy=(state == TableState::Loading).then_some("true")
        >
            <table class="w-full text-sm">
                <thead class="text-xs text-ink-soft">
                    <tr>{columns.into_iter().enumerate().map(head).collect::<Vec<_>>()}</tr>
                </thead>
                <tbody class="divide-y divide-line">
                    {match state {
                        TableState::Ready => children.into_inner()().into_any(),
                        TableState::Loading => skeletons().into_any(),
                        TableState::Empty => view! {
                            <tr>
                                <td class="px-3 py-8 text-center text-ink-soft" colspan=width>
                                    {empty}
                                </td>
                            </tr>
                        }
                        .into_any(),
                    }}
                </tbody>
            </table>
        </div>
    }
}

/// The head of a column that rows can be sorted by: once up, once more down.
#[component]
fn SortButton(
    /// The place of its column, from 0.
    index: usize,
    /// The column.
    column: Column,
    /// What rows are sorted by.
    sort: RwSignal<Sort>,
) -> impl IntoView {
    let turn = move |_| {
        sort.update(|sort| {
            let is_descending = sort.column == index && !sort.is_descending;
            *sort = Sort { column: index, is_descending };
        });
    };
    let arrow = move || {
        let Sort { column, is_descending } = sort.get();
        match (column == index, is_descending) {
            (true, true) => "size-3 transition-transform rotate-180",
            (true, false) => "size-3 transition-transform",
            (false, _) => "size-3 opacity-0 group-hover:opacity-60",
        }
    };
    view! {
        <button
            type="button"
            class=format!(
                "group -mx-1 inline-flex items-center gap-1 rounded-md px-1 py-0.5 hover:text-ink {}",
                // The arrow is on the side away from the cells, so that the word stands above them.
                if column.align == Align::End { "flex-row-reverse" } else { "" },
            )
            on:click=turn
        >
            {column.label}
            <span class=arrow>
                <Icon name=IconName::ArrowUp class="size-3" />
            </span>
        </button>
    }
}

/// A cell of a [`Table`].
#[component]
pub fn TableCell<C: IntoView + 'static>(
    /// Where its content stands.
    #[prop(optional)]
    align: Align,
    /// What it holds.
    children: TypedChildren<C>,
) -> impl IntoView {
    view! { <td class=format!("px-3 py-2.5 {}", align.class())>{children.into_inner()()}</td> }
}
