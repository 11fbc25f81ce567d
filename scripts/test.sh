#!/usr/bin/env bash
# Runs the checks and the tests, goes on after a failure, and ends with the line
# "N passed, N failed". Each check counts as one test.
#
#   scripts/test.sh [all|check|unit|e2e]
#
# The full output of each step is in target/test-logs.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. scripts/env.sh

part=${1:-all}
case $part in
    check) level='check' ;;
    all | unit | e2e) level='test' ;;
    *)
        echo "usage: scripts/test.sh [all|check|unit|e2e]" >&2
        exit 2
        ;;
esac

readonly logs=$PWD/target/test-logs
rm -rf "$logs"
mkdir -p "$logs" || exit 1
export CARGO_TERM_COLOR=never NO_COLOR=1
# The runners catch Ctrl-C themselves: without this, the next step would start.
trap 'exit 130' INT

passed=0
failed=0
green='' red='' plain=''
if [[ -t 1 && ${CI:-} != true ]]; then
    green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

# step NAME COMMAND…: the exit status is the command's.
step() {
    local name=$1 start=$SECONDS status=0
    local log=$logs/$name.log
    shift
    printf '%-14s %s\n' "$name" "…"
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [[ $status -eq 0 ]]; then
        printf '%-14s %sok%s (%d s)\n' "$name" "$green" "$plain" $((SECONDS - start))
    else
        printf '%-14s %sFAILED%s (%d s), the end of target/test-logs/%s.log:\n' \
            "$name" "$red" "$plain" $((SECONDS - start)) "$name"
        # Without colours: cargo-leptos writes them to files as well.
        tail -n 60 "$log" | sed -e 's/\x1b\[[0-9;]*m//g' -e 's/^/    /'
    fi
    return "$status"
}

# check NAME COMMAND…: a step that counts as one test.
check() {
    if step "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

# count STATUS "PASSED FAILED": adds up what a test runner reported. A runner that
# failed without a failed test (or left no report) is a failure of its own.
count() {
    local good=0 bad=0
    read -r good bad <<<"$2"
    good=${good:-0} bad=${bad:-0}
    if [[ $1 -ne 0 && $bad -eq 0 ]] || ((good + bad == 0)); then
        bad=$((bad + 1))
    fi
    printf '%-14s %d passed, %d failed\n' "" "$good" "$bad"
    passed=$((passed + good))
    failed=$((failed + bad))
}

nextest_counts() {
    python3 - "$1" <<'PY'
import sys
import xml.etree.ElementTree as ElementTree

suites = ElementTree.parse(sys.argv[1]).getroot()
tests, failures, errors = (int(suites.get(name, 0)) for name in ("tests", "failures", "errors"))
print(tests - failures - errors, failures + errors)
PY
}

playwright_counts() {
    python3 - "$1" <<'PY'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as report:
    stats = json.load(report)["stats"]
print(stats["expected"] + stats["flaky"], stats["unexpected"])
PY
}

unit_tests() {
    # Where .config/nextest.toml puts it.
    local report=target/nextest/default/junit.xml status=0
    rm -f "$report"
    step tests cargo-nextest nextest run --locked --workspace --features ssr --no-fail-fast || status=$?
    count "$status" "$(nextest_counts "$report" 2>>"$logs/tests.log")"
    # What passed only when run again, by name.
    grep -E '^ +FLAKY' "$logs/tests.log"
}

browser_tests() {
    local report=$logs/playwright.json status=0
    if ! step build scripts/build.sh; then
        printf '%-14s not run: there is no release build\n' browser
        failed=$((failed + 1))
        return
    fi
    step browser env -C end2end PLAYWRIGHT_JSON_OUTPUT_FILE="$report" \
        node_modules/.bin/playwright test --reporter=list,json || status=$?
    count "$status" "$(playwright_counts "$report" 2>>"$logs/browser.log")"
    # What passed only when run again, by name.
    sed -n '/^  [0-9]* flaky$/,/^  [0-9]* passed/p' "$logs/browser.log"
}

if ! scripts/setup.sh "$level" 2>&1 | tee "$logs/setup.log"; then
    failed=$((failed + 1))
fi
# Again, for what set-up has just installed.
. scripts/env.sh

if [[ $part == all || $part == check ]]; then
    check fmt cargo fmt --all --check
    check clippy-server cargo lint-server
    check clippy-wasm cargo lint-browser
    check doc cargo lint-docs
    check deny cargo-deny --color never check bans licenses sources
fi
if [[ $part == all || $part == unit ]]; then
    unit_tests
fi
if [[ $part == all || $part == e2e ]]; then
    browser_tests
fi

echo "$passed passed, $failed failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
