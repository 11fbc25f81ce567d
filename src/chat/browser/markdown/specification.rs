//! Tests only: the examples of `CommonMark` and of GitHub's dialect, which set-up fetches (`scripts/setup.sh test`).
//!
//! What is compared is what is read: the parts of each example, written by the parser's own writer. Ours writes other tags on
//! purpose (`writer.rs`): raw HTML is text, headings begin at the third level, addresses of no scheme are no links, foreign
//! images are links, code has a head. Besides, it shows definitions of links, and the brackets of references that lead nowhere.

use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::path::PathBuf;

use pulldown_cmark::{Event, html::push_html};

use super::pieces::{Piece, Prepared};

/// Where we read an example otherwise than the suite says, and why.
const DEVIATIONS: &[(&str, &[usize], &str)] = &[
    (
        "gfm.txt",
        &[398, 426, 434, 435, 436, 473, 474, 475, 477],
        "CommonMark has changed its mind since: bold in bold is bold twice (0.31.2, the same examples).",
    ),
    (
        "gfm.txt",
        &[621, 622, 623, 624, 625, 626, 627, 628, 629, 630, 631],
        "An address in the text of a model is a link only where the model makes it one; in a list of sources it is.",
    ),
    ("gfm.txt", &[652], "The parser passes tags on: our writer shows all of them as text, not only dangerous ones."),
];

struct Example {
    number: usize,
    markdown: String,
    html: String,
}

fn examples(suite: &str) -> Vec<Example> {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/tessera");
    let cache = std::env::var_os("TESSERA_CACHE").map_or_else(home, PathBuf::from);
    let file = cache.join("markdown").join(suite);
    let text = read_to_string(&file).unwrap_or_else(|_| panic!("{}: run scripts/setup.sh test", file.display()));
    let fence = "`".repeat(32);
    let opening = format!("{fence} example");
    let blocks = text.split(&opening).skip(1);
    let parts = blocks.map(|block| {
        let example = block.split_once('\n').unwrap().1.split(&fence).next().unwrap();
        example.strip_prefix(".\n").map_or_else(|| example.split_once("\n.\n").unwrap(), |html| ("", html))
    });
    let parts = parts.map(|(markdown, html)| (format!("{markdown}\n").replace('→', "\t"), html.replace('→', "\t")));
    let example = |(index, (markdown, html))| Example { number: index + 1, markdown, html };
    parts.enumerate().map(example).collect()
}

/// As the parser's own writer writes it.
fn written(markdown: &str) -> String {
    let prepared = Prepared::new(markdown, false);
    let events = prepared.pieces().into_iter().filter_map(|piece| match piece {
        Piece::Event(event) => Some(event),
        Piece::Formula(formula) => Some(Event::Text(formula.source.clone().into())),
        Piece::Definition(_) => None,
    });
    let mut html = String::new();
    push_html(&mut html, events);
    html
}

/// Without what has no meaning in HTML.
fn normal(html: &str) -> String {
    // Checkboxes and alignment are written in other words, and mean the same.
    let said = [
        (" checked=\"\" disabled=\"\" type=\"checkbox\"", " disabled=\"\" type=\"checkbox\" checked=\"\""),
        ("\"/>\n", "\"> "),
        (" align=\"center\"", " style=\"text-align: center\""),
        (" align=\"right\"", " style=\"text-align: right\""),
        (" align=\"left\"", " style=\"text-align: left\""),
    ];
    let html = said.iter().fold(html.trim().to_owned(), |html, (from, to)| html.replace(from, to));
    let replaced =
        [("&quot;", "\""), ("&#39;", "'"), (" />", ">"), (">\n", ">"), ("\n<", "<"), ("<tbody></tbody>", "")];
    replaced.iter().fold(html, |html, (from, to)| html.replace(from, to))
}

fn compare(suite: &str, count: usize) {
    let examples = examples(suite);
    assert_eq!(examples.len(), count, "{suite}");
    let listed: BTreeSet<usize> =
        DEVIATIONS.iter().filter(|(of, ..)| *of == suite).flat_map(|(_, numbers, _)| *numbers).copied().collect();
    let mut differ = BTreeSet::new();
    for Example { number, markdown, html } in examples {
        let ours = written(&markdown);
        if normal(&ours) != normal(&html) {
            differ.insert(number);
            if !listed.contains(&number) {
                println!("{suite} {number}\n--- {markdown:?}\n  = {html:?}\n  ≠ {ours:?}");
            }
        }
    }
    assert_eq!(differ, listed, "{suite}: what differs, and what is listed");
}

#[test]
fn commonmark() {
    compare("commonmark.txt", 652);
}

#[test]
fn github() {
    compare("gfm.txt", 672);
}

#[test]
fn every_deviation_has_its_reason() {
    assert!(DEVIATIONS.iter().all(|(_, numbers, reason)| !numbers.is_empty() && reason.len() > 20));
}
