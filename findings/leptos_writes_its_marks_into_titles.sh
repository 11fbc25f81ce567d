#!/usr/bin/env bash
# crate leptos: a title of two texts, rendered on the server, has a `<!>` in it that everybody can read.
#
# Guess:  the marks that Leptos puts between two texts, so that the browser finds them again, are comments: nobody sees them.
# Is so:  they are written into every element alike. In a title (as in any element whose content HTML takes as text alone) a
#         comment is text, and the tab of the browser, the history and search engines show `Inbox<!> · <!>Mail`. The same view
#         rendered in the browser has a clean title, so that it is seen only by who looks at the first load.
# Ours:   a title is put together as one text before it is given to a view.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/src"
version=0.8.23
cat >"$work/Cargo.toml" <<TOML
[package]
name = "try"
version = "0.0.0"
edition = "2021"
[dependencies]
leptos = { version = "=$version", features = ["ssr"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use leptos::prelude::*;

fn main() {
    let (page, site) = ("Inbox", "Mail");
    let two = view! { <title>{page} " · " {site}</title> }.to_html();
    let one = view! { <title>{format!("{page} · {site}")}</title> }.to_html();
    println!("three texts: {two}\none text:    {one}");
    let seen = two == "<title>Inbox<!> · <!>Mail</title>" && one == "<title>Inbox · Mail</title>";
    std::process::exit(if seen { 0 } else { 1 });
}
RUST
echo "leptos $version"
status=0
cargo run --quiet --manifest-path "$work/Cargo.toml" || status=$?
[[ $status -eq 0 ]] || echo 'this is not what was seen before' >&2
exit "$status"
