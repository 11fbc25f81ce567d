#!/usr/bin/env bash
# Lets git run `cargo fmt --check` and clippy before a commit, in this clone and all of its worktrees.
#
#   scripts/hook.sh [install|remove|run]
#
# `git commit --no-verify` leaves it out once.
set -euo pipefail

readonly MARK='# Written by scripts/hook.sh install'

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    printf 'tessera hook: %s\n' "$*" >&2
    exit 1
}

# The file that git runs: one for all worktrees.
hook_file() {
    local folder
    if folder=$(git config --get core.hooksPath); then
        fail "git takes its hooks from $folder (core.hooksPath), which may serve other repositories: let its pre-commit call scripts/hook.sh run"
    fi
    folder=$(git rev-parse --path-format=absolute --git-common-dir)
    printf '%s/hooks/pre-commit\n' "$folder"
}

is_ours() {
    [[ -f $1 ]] && grep -qxF "$MARK" "$1"
}

install_hook() {
    local file
    file=$(hook_file)
    if [[ -e $file || -L $file ]] && ! is_ours "$file"; then
        fail "$file is somebody else's and stays: let it call scripts/hook.sh run"
    fi
    mkdir -p "$(dirname "$file")"
    # Git starts it at the top of the worktree; an old commit may not have the script.
    cat >"$file.new" <<HOOK
#!/bin/sh
$MARK
[ ! -x scripts/hook.sh ] || exec scripts/hook.sh run
HOOK
    chmod +x "$file.new"
    mv "$file.new" "$file"
    echo "tessera hook: fmt and clippy run before each commit (scripts/hook.sh remove takes it back)"
}

remove_hook() {
    local file
    file=$(hook_file)
    if is_ours "$file"; then
        rm "$file"
        echo "tessera hook: removed"
    elif [[ -e $file || -L $file ]]; then
        fail "$file is somebody else's and stays"
    else
        echo "tessera hook: there is none"
    fi
}

run_hook() {
    # A commit of words alone need not wait. Git names the index of this commit in the environment.
    if git diff --cached --quiet -- '*.rs' '*.toml' Cargo.lock .cargo vendor; then
        return
    fi
    # Builds that ask git something must ask about their own sources.
    local variable
    for variable in $(git rev-parse --local-env-vars); do
        unset "$variable"
    done
    . scripts/env.sh
    cargo fmt --check || fail "not formatted: make fmt (what is to be committed must be added again)"
    cargo lint-server || fail "clippy found something in the server"
    cargo lint-browser || fail "clippy found something in the browser's part"
}

case ${1:-install} in
    install) install_hook ;;
    remove) remove_hook ;;
    run) run_hook ;;
    *)
        echo "usage: scripts/hook.sh [install|remove|run]" >&2
        exit 2
        ;;
esac
