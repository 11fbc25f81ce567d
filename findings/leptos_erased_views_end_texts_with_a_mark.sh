#!/usr/bin/env bash
# crate leptos: with `--cfg erase_components`, as debug builds of cargo-leptos are, the same view is rendered to other HTML.
#
# Guess:  the flag makes one type of all views, for compilers to be quicker; what is rendered is the same.
# Is so:  each text has a `<!>` after it, also where it is alone in its element. In most it is a comment; in a title it is text, and
#         the tab says `Inbox<!>`. Without the flag, as in a release, there is none.
# Ours:   tests look for a text without what follows it, and releases are built without the flag (scripts/build.sh).
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
    let text = || "Inbox".to_owned();
    println!("{}", view! { <title>{text()}</title> }.to_html());
    println!("{}", view! { <p>"Inbox"</p> }.to_html());
}
RUST
cd "$work"
seen=$(
    for flags in '' '--cfg erase_components'; do
        echo "flags: $flags"
        RUSTFLAGS=$flags cargo run --quiet --target-dir "target${flags:+-erased}"
    done
)
echo "leptos $version"
echo "$seen"
expected=$(cat <<'SEEN'
flags: 
<title>Inbox</title>
<p>Inbox</p>
flags: --cfg erase_components
<title>Inbox<!></title>
<p>Inbox<!></p>
SEEN
)
[[ $seen == "$expected" ]] || {
    echo 'this is not what was seen before' >&2
    exit 1
}
