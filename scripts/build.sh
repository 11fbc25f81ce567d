#!/usr/bin/env bash
# Release build: the server (target/release/tessera) and the site (target/site).
# Skipped when it is of exactly these sources: cargo-leptos optimises the WASM
# anew at every call, even if nothing has changed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh

readonly stamp=target/.tessera-build

# By content, not by date: that also sees deleted files and changed branches,
# and a target folder that another clone filled.
digest() {
    local inputs=() input
    for input in src crates vendor style public Cargo.toml Cargo.lock Leptos.toml tailwind.config.js \
        rust-toolchain.toml .cargo scripts/build.sh scripts/gallery.sh scripts/shorten-imports.mjs scripts/npm/package-lock.json; do
        [[ ! -e $input ]] || inputs+=("$input")
    done
    {
        pwd
        printf '%s\n' "${RUSTFLAGS:-}" "$(cargo-leptos --version)" "$(wasm-bindgen --version)"
        find "${inputs[@]}" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    } | sha256sum
}

now=$(digest)
if [[ -x target/release/tessera && -d target/site/pkg && -r $stamp && $(<"$stamp") == "$now" ]]; then
    echo "tessera build: target/release/tessera and target/site are up to date"
    exit 0
fi

start=$SECONDS
# The site anew: what an earlier build left there would be served for ever.
rm -rf "$stamp" target/site
# A backtrace of cargo-leptos itself would only hide what went wrong.
RUST_BACKTRACE=0 cargo-leptos build --release --split --precompress
scripts/gallery.sh --release
node scripts/shorten-imports.mjs target/site/pkg
# Not digest again: a file that was saved during the build has to count as changed.
printf '%s\n' "$now" >"$stamp"
echo "tessera build: target/release/tessera and target/site are ready ($((SECONDS - start)) s)"
