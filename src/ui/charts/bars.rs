//! Bars over time, with the same as a table.

use leptos::prelude::*;

/// What a bar is as wide as, and how high the picture is, in its own units.
const WIDTH: i64 = 10;
const HEIGHT: i64 = 1000;
/// How thick the line is below which values are negative.
const LINE: i64 = 8;

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Of when it is.
    pub name: String,
    /// How high it is; below the line where it is negative.
    pub value: i64,
    /// The value in words.
    pub text: String,
    /// Where the rows are that make it.
    pub href: Option<String>,
}

/// What a chart says besides its bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarWords {
    /// What is counted.
    pub title: &'static str,
    /// What opens the table.
    pub as_table: &'static str,
    /// The heads of its columns.
    pub name: &'static str,
    pub value: &'static str,
}

/// Bars of one height each, from the first to the last. Each is a link to the rows that make it, and a row of the table below.
#[component]
pub fn BarChart(
    /// An id that is unique on the page.
    id: &'static str,
    /// What it says.
    words: BarWords,
    /// How it is counted.
    explained: String,
    /// What all bars come to.
    total: String,
    /// Its bars.
    bars: Vec<Bar>,
    /// Where the same is as CSV, and what leads there.
    csv: (String, &'static str),
) -> impl IntoView {
    let top = bars.iter().map(|bar| bar.value).max().unwrap_or(0).max(0);
    let bottom = bars.iter().map(|bar| bar.value).min().unwrap_or(0).min(0);
    let width = WIDTH * i64::try_from(bars.len()).unwrap_or(1).max(1);
    let lowest = bars.iter().filter(|bar| bar.value < 0).min_by_key(|bar| bar.value).map(|bar| bar.text.clone());
    let highest = bars.iter().max_by_key(|bar| bar.value).map(|bar| bar.text.clone());
    let (first, last) = (bars.first().map(|bar| bar.name.clone()), bars.last().map(|bar| bar.name.clone()));
    let drawn: Vec<_> = bars.iter().enumerate().map(|(index, bar)| draw(id, index, bar, top, bottom)).collect();
    let rows: Vec<_> = bars.into_iter().map(row).collect();
    // Where nothing is, unless that is the edge.
    let line = (bottom < 0).then(|| {
        let y = place(0, top, bottom).min(HEIGHT - LINE);
        view! { <rect class="fill-line-strong forced-colors:fill-[CanvasText]" x="0" y=y width=width height=LINE></rect> }
    });
    let edge = if bottom < 0 { "" } else { " border-b border-line-strong" };
    let heading = format!("{id}-title");
    let labelled_by = heading.clone();
    view! {
        <figure class="min-w-0 space-y-2 rounded-md border border-line bg-surface p-4" aria-labelledby=labelled_by>
            <figcaption class="flex flex-wrap items-baseline justify-between gap-x-4">
                <h2 id=heading class="font-medium">{words.title}</h2>
                <span class="font-semibold break-all tabular-nums">{total}</span>
            </figcaption>
            <p class="text-xs text-ink-soft">{explained}</p>
            <p class="text-right text-xs text-ink-soft tabular-nums" aria-hidden="true">{highest}</p>
            <svg
                class=format!("h-32 w-full{edge}")
                viewBox=format!("0 0 {width} {HEIGHT}")
                preserveAspectRatio="none"
                role="group"
                aria-label=words.title
            >
                {line}
                {drawn}
            </svg>
            {lowest.map(|lowest| view! { <p class="text-right text-xs text-ink-soft tabular-nums" aria-hidden="true">{lowest}</p> })}
            <p class="flex justify-between gap-4 text-xs text-ink-soft tabular-nums" aria-hidden="true">
                <span>{first}</span>
                <span>{last}</span>
            </p>
            <div class="flex items-start justify-between gap-4 text-sm">
                <details id=format!("{id}-table") class="min-w-0 flex-1">
                    <summary id=format!("{id}-summary") class="cursor-pointer text-accent">{words.as_table}</summary>
                    <div class="mt-2 max-h-72 overflow-auto" role="region" tabindex="0" aria-label=words.title>
                        <table class="w-full">
                            <thead class="text-xs text-ink-soft">
                                <tr>
                                    <th scope="col" class="py-1 pr-3 text-left font-medium">{words.name}</th>
                                    <th scope="col" class="py-1 text-right font-medium">{words.value}</th>
                                </tr>
                            </thead>
                            <tbody class="divide-y divide-line">{rows}</tbody>
                        </table>
                    </div>
                </details>
                <a id=format!("{id}-csv") class="text-accent underline" href=csv.0 download="">{csv.1}</a>
            </div>
        </figure>
    }
}

/// How far down a value is: the highest is at the top.
fn place(value: i64, top: i64, bottom: i64) -> i64 {
    let span = i128::from(top) - i128::from(bottom);
    if span == 0 {
        return HEIGHT;
    }
    let down = (i128::from(top) - i128::from(value)) * i128::from(HEIGHT) / span;
    i64::try_from(down).unwrap_or(HEIGHT)
}

fn draw(id: &str, index: usize, bar: &Bar, top: i64, bottom: i64) -> AnyView {
    let x = WIDTH * i64::try_from(index).unwrap_or_default();
    let (line, end) = (place(0, top, bottom), place(bar.value, top, bottom));
    // What is not nothing can be seen.
    let height = (end - line).abs().max(if bar.value == 0 { 0 } else { HEIGHT / 100 });
    let y = if bar.value < 0 { line } else { line - height };
    let fill = if bar.value < 0 { "fill-danger" } else { "fill-accent" };
    let words = format!("{}: {}", bar.name, bar.text);
    let label = words.clone();
    let shape = view! {
        <rect class="fill-transparent group-hover:fill-sunken" x=x y="0" width=WIDTH height=HEIGHT></rect>
        <rect class=format!("{fill} forced-colors:fill-[CanvasText]") x=x + 1 y=y width=WIDTH - 2 height=height></rect>
    };
    match bar.href.clone() {
        Some(href) => view! {
            <a id=format!("{id}-{index}") class="group" href=href aria-label=label>
                <title>{words}</title>
                {shape}
            </a>
        }
        .into_any(),
        None => view! {
            <g class="group" role="img" aria-label=label>
                <title>{words}</title>
                {shape}
            </g>
        }
        .into_any(),
    }
}

fn row(bar: Bar) -> AnyView {
    let name = match bar.href {
        Some(href) => view! { <a class="text-accent underline" href=href>{bar.name}</a> }.into_any(),
        None => bar.name.into_any(),
    };
    view! {
        <tr>
            <th scope="row" class="py-1 pr-3 text-left font-normal whitespace-nowrap tabular-nums">{name}</th>
            <td class="py-1 text-right break-all tabular-nums">{bar.text}</td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_is_at_the_top_and_nothing_is_on_the_line() {
        assert_eq!([10, 5, 0].map(|value| place(value, 10, 0)), [0, HEIGHT / 2, HEIGHT]);
        assert_eq!([10, 0, -10].map(|value| place(value, 10, -10)), [0, HEIGHT / 2, HEIGHT]);
        assert_eq!(place(0, 0, 0), HEIGHT);
        assert_eq!(place(i64::MIN, i64::MAX, i64::MIN), HEIGHT);
    }

    #[test]
    fn every_bar_leads_to_its_rows_and_is_in_the_table() {
        let bar = |name: &str, value: i64| Bar {
            name: name.to_owned(),
            value,
            text: format!("{value} x"),
            href: Some(format!("/rows?day={name}")),
        };
        let words = BarWords { title: "Costs", as_table: "Table", name: "Day", value: "Value" };
        let owner = Owner::new();
        let html = owner.with(|| {
            let bars = vec![bar("Monday", 3), bar("Tuesday", -1)];
            view! { <BarChart id="costs" words explained="All.".to_owned() total="2 x".to_owned() bars csv=("/csv".to_owned(), "CSV") /> }.to_html()
        });
        for expected in ["Monday: 3 x", "Tuesday: -1 x"] {
            assert!(html.contains(&format!("aria-label=\"{expected}\"")), "{html}");
        }
        assert_eq!(html.matches("href=\"/rows?day=Monday\"").count(), 2, "{html}");
        assert!(html.contains("fill-danger") && !html.contains("style="), "{html}");
        // The line is where nothing is, not at the edge, and the lowest is said.
        assert!(html.contains("fill-line-strong") && !html.contains("border-b"), "{html}");
        assert!(html.contains("text-ink-soft tabular-nums\">-1 x<"), "{html}");
    }
}
