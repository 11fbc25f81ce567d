#!/usr/bin/env bash
# crate serde_json: a document is refused for a field that is read, and taken with the same field when nobody reads it.
#
# Guess:  whether a text is JSON that serde_json takes does not depend on the structure it is read into, as long as types fit or
#         fields are unknown; who adds an optional field to a structure accepts no less than before.
# Is so:  a number past the range of f64 (`1e999`, valid by RFC 8259) or a surrogate without its other half (`"\ud83d"`, which the
#         grammar allows) is passed over unread in an unknown field. Once the structure has that field, even as `Option` or as
#         `serde_json::Value`, the whole document is an error. Node.js and Python read both documents.
# Ours:   naming one more field of a provider's answer (its usage, its thoughts) made answers fail that were read before. Fields
#         that only keep books are read by types that cannot fail, and a document that fails is read once more without them.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "try"
version = "0.0.0"
edition = "2021"
[dependencies]
serde = { version = "=1.0.229", features = ["derive"] }
serde_json = "=SERDE_JSON"
TOML
version=1.0.154
sed -i "s/SERDE_JSON/$version/" "$work/Cargo.toml"
cat >"$work/src/main.rs" <<'RUST'
use serde::Deserialize;

#[derive(Deserialize)]
#[allow(dead_code)]
struct Before {
    text: String,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct After {
    text: String,
    extra: Option<serde_json::Value>,
}

fn main() {
    let mut seen = Vec::new();
    for document in [r#"{"text":"hello","extra":1e999}"#, r#"{"text":"hello","extra":"\ud83d"}"#] {
        let before = serde_json::from_str::<Before>(document).map(|read| read.text);
        let after = serde_json::from_str::<After>(document).map(|read| read.text);
        println!("{document}\n  without the field: {before:?}\n  with the field:    {after:?}");
        seen.push((before.is_ok(), after.is_err()));
    }
    std::process::exit(if seen == [(true, true); 2] { 0 } else { 1 });
}
RUST
echo "serde_json $version"
status=0
cargo run --quiet --manifest-path "$work/Cargo.toml" || status=$?
node -e '
for (const document of [`{"text":"hello","extra":1e999}`, `{"text":"hello","extra":"\\ud83d"}`])
    console.log(`Node.js ${process.versions.node}: ${document} is read, extra is`, JSON.parse(document).extra);
' || status=1
[[ $status -eq 0 ]] || echo 'this is not what was seen before' >&2
exit "$status"
