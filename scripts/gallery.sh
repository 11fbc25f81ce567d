#!/usr/bin/env bash
# The browser's part of /components: a bundle of its own, beside that of the app.
# As a chunk of the app it shared code with the chunks of the chat, which were cut
# into more and smaller ones for it: 5.6 KB (brotli) more for every first load.
#
#   scripts/gallery.sh [--release [--copy]]
#   --copy   what was built before, into a site that was built anew
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh

readonly site=target/gallery
# Split, so that what belongs to the app is in chunks that nobody loads, and stays behind.
flags=(--frontend-only --split --lib-features gallery)
profile=debug
if [[ ${1:-} == --release ]]; then
    flags+=(--release --precompress)
    profile=release
fi

if [[ ${2:-} != --copy ]]; then
    # What was copied, too: their names are of their contents.
    for file in "$site"/pkg/*; do
        rm -f "target/site/pkg/${file##*/}"
    done
    rm -rf "$site"
    LEPTOS_OUTPUT_NAME=gallery LEPTOS_SITE_ROOT=$site LEPTOS_HASH_FILE_NAME=gallery.txt RUST_BACKTRACE=0 \
        cargo-leptos build "${flags[@]}"
    [[ $profile == debug ]] || node scripts/shorten-imports.mjs "$site/pkg"
fi
mkdir -p target/site/pkg
# The style sheet is the app's. The file of hashes says how the others are called.
cp -p "$site"/pkg/{gallery.*.js,gallery.*.wasm,__wasm_split.*.js}* "target/$profile/gallery.txt" target/site/pkg/
