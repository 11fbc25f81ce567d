#!/usr/bin/env bash
# Release build: the server (target/release/tessera) and the site (target/site).
# What is of exactly these sources already is left as it is: cargo-leptos optimises
# the WASM anew at every call, even if nothing of it has changed.
#
#   SMALL=0   the browser's part with stable switches of the compiler only (docs/ARCHITECTURE.md, "A page's weight")
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh

# Without what .cargo/config.toml has for debug builds.
export RUSTFLAGS=${RUSTFLAGS:-}

# Only for the browser: the server and all macros are compiled as ever. Panics trap at once and say nothing, so that nothing of
# what they would say is compiled, in the standard library too, which is therefore compiled with the rest.
small=()
if [[ ${SMALL:-1} != 0 ]]; then
    small=(env RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_abort
        RUSTFLAGS="$RUSTFLAGS -Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none")
fi

# What was built of what: `all`, and for each bundle of the browser its digest and the list of its sources.
readonly stamps=target/.tessera
readonly compiled=target/front/wasm32-unknown-unknown/wasm-release/browser.d

existing() {
    local input
    for input; do
        [[ ! -e $input ]] || printf '%s\n' "$input"
    done
}

# By content, not by date: that also sees deleted files and changed branches,
# and a target folder that another clone filled.
digest() { # files and folders, from the standard input
    local inputs
    mapfile -t inputs
    {
        pwd
        printf '%s\n' "${RUSTFLAGS:-}" "${small[*]}" "$(cargo-leptos --version)" "$(wasm-bindgen --version)"
        # Other switches of the server's build.
        env | sed -n '/^CARGO_PROFILE_RELEASE_/p' | LC_ALL=C sort
        find "${inputs[@]}" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    } | sha256sum
}

readonly everything=(src crates vendor style public Cargo.toml Cargo.lock Leptos.toml tailwind.config.js .env.example
    rust-toolchain.toml .cargo scripts/build.sh scripts/gallery.sh scripts/shorten-imports.mjs
    scripts/join-chunks.mjs scripts/npm/package-lock.json)

digest_of_all() {
    existing "${everything[@]}" | digest
}

# What `tessera --version` says: the last commit that changed what is built, and its date. So a commit of documents
# compiles nothing anew. Whoever builds without git may say it (TESSERA_COMMIT).
commit() {
    local commit
    commit=$(git log -1 --format='%h, %cs' --abbrev=12 -- "${everything[@]}" 2>/dev/null) || return 0
    [[ -n $commit ]] || return 0
    [[ -z $(git status --porcelain -- "${everything[@]}" 2>/dev/null) ]] || commit="$commit, with changes"
    printf '%s\n' "$commit"
}

# The list is the compiler's, of the last time: no new file gets in without a change of one that is named there.
sources_of() { # bundle
    sed -e 's/^[^:]*: *//' -e 's/\\ /\x1f/g' "$stamps/$1.d" | tr ' \037' '\n ' | while IFS= read -r source; do
        [[ $source != "$PWD"/* ]] || printf '%s\n' "${source#"$PWD"/}"
    done
}

digest_of_bundle() { # name
    {
        sources_of "$1"
        existing public Cargo.toml Cargo.lock Leptos.toml crates/*/Cargo.toml vendor/*/Cargo.toml rust-toolchain.toml .cargo \
            scripts/build.sh scripts/gallery.sh scripts/shorten-imports.mjs scripts/join-chunks.mjs scripts/npm/package-lock.json "$stamps/styles.css"
    } | digest
}

# Tailwind looks for its utilities in all sources, also in those that only the server has.
write_styles() {
    tailwindcss --input style/tailwind.css --output "$stamps/styles.css" >/dev/null 2>&1
}

# The debug build of `make dev` writes to the same folder.
site() {
    find target/site -type f -printf '%P %s %T@\n' | LC_ALL=C sort | sha256sum
}

is_fresh() { # bundle
    [[ -r $stamps/$1 && -r $stamps/$1.d && "$(<"$stamps/$1")" == "$(digest_of_bundle "$1" 2>/dev/null)" ]]
}

keep_stamp() { # bundle
    cp "$compiled" "$stamps/$1.d"
    digest_of_bundle "$1" >"$stamps/$1"
}

now=$(digest_of_all)
untouched=
[[ ! -d target/site/pkg || ! -r $stamps/site || "$(<"$stamps/site")" != "$(site)" ]] || untouched=1
if [[ -x target/release/tessera && $untouched && -r $stamps/all && "$(<"$stamps/all")" == "$now" ]]; then
    echo "tessera build: target/release/tessera and target/site are up to date"
    exit 0
fi

start=$SECONDS
export TESSERA_COMMIT=${TESSERA_COMMIT:-$(commit)}
mkdir -p "$stamps"
rm -f "$stamps/all"
[[ $untouched ]] || rm -f "$stamps/app" "$stamps/gallery"
write_styles

# Beside the browser's part, which keeps one core busy. A backtrace of cargo-leptos itself would only hide what went wrong.
RUST_BACKTRACE=0 cargo-leptos build --release --server-only &
server=$!

build_browser() {
    if ! is_fresh app; then
        rm -f "$stamps/app" "$stamps/site"
        # The site anew: what an earlier build left there would be served for ever.
        rm -rf target/site
        RUST_BACKTRACE=0 "${small[@]}" cargo-leptos build --release --split --precompress --frontend-only || return
        node scripts/shorten-imports.mjs target/site/pkg || return
        node scripts/join-chunks.mjs target/site/pkg target/release/hash.txt || return
        keep_stamp app
    fi
    if ! is_fresh gallery; then
        rm -f "$stamps/gallery"
        "${small[@]}" scripts/gallery.sh --release || return
        keep_stamp gallery
    else
        scripts/gallery.sh --release --copy || return
    fi
    site >"$stamps/site"
}

status=0
build_browser || status=$?
wait "$server" || status=$?
[[ $status -eq 0 ]] || exit "$status"
# Not digest again: a file that was saved during the build has to count as changed.
printf '%s\n' "$now" >"$stamps/all"
echo "tessera build: target/release/tessera and target/site are ready ($((SECONDS - start)) s)"
