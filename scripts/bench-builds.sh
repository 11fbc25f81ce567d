#!/usr/bin/env bash
# How long one waits for a build, at an earlier revision (before) and now (after),
# with uncommitted changes. Printed, never asserted.
#
#   server   a line is added to the rules of a feature, until the debug server answers
#   browser  a line is added to a component, until the debug WASM is ready
#   tests    a line is added to the rules, until `make test` has ended
#
# Both are built in folders of their own, measured in turns, and compared by the
# medians: on a machine that others use too, look at the seconds of the processor.
#
#   scripts/bench-builds.sh
#   BASELINE     what to compare with (the last tag, else the commit before this one)
#   ROUNDS       how often the server and the WASM are built (5)
#   TEST_ROUNDS  how often `make test` runs (1; 0 leaves it out)
#   WORKSHOP     where it is built, and kept for the next time ($TESSERA_CACHE/bench-builds; about 30 GB)
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh

rounds=${ROUNDS:-5}
test_rounds=${TEST_ROUNDS:-1}
workshop=${WORKSHOP:-$TESSERA_CACHE/bench-builds}
baseline=${BASELINE:-$(git describe --tags --abbrev=0 2>/dev/null || echo HEAD~1)}
baseline=$(git rev-parse --verify --quiet "$baseline^{commit}") || {
    echo "bench-builds: BASELINE is no commit of this repository" >&2
    exit 1
}
now=$(git stash create)
now=${now:-$(git rev-parse HEAD)}
readonly rounds test_rounds workshop baseline now

# Files move from one revision to the next: the edit goes to the first of these that is there.
readonly server_files=('src/credits/server/service.rs' 'src/credits/service.rs' 'src/credits/**/service.rs')
readonly browser_files=('src/chat/browser/components/composer.rs' 'src/chat/components/composer.rs' 'src/chat/**/composer.rs')

server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null || true' EXIT

# in_tree SIDE COMMAND…: with the tools and settings of that revision; the output goes to a log.
in_tree() {
    local tree=$workshop/$1
    shift
    (
        cd "$tree"
        unset CARGO_TARGET_DIR
        . scripts/env.sh
        "$@"
    ) >>"$workshop/log" 2>&1 </dev/null
}

prepare() { # side, commit
    local tree=$workshop/$1
    [[ -d $tree/.git ]] || git init --quiet "$tree"
    # Uncommitted changes are in a commit that no branch names.
    git -C "$tree" fetch --quiet --upload-pack='git -c uploadpack.allowAnySHA1InWant=true upload-pack' "$PWD" "$2"
    git -C "$tree" checkout --quiet --force --detach "$2"
    in_tree "$1" scripts/setup.sh test
}

# edit SIDE ROUND PATTERN…: a statement at the start of the first function at the margin of the first file, and each
# time a longer one, as edits are: compilers are quicker with what leaves everything in its place.
edit() {
    local tree=$workshop/$1 file number
    number=$(printf '1%.0s' $(seq 0 "$2"))
    shift 2
    file=$(git -C "$tree" ls-files -- "$1")
    while [[ -z $file && $# -gt 1 ]]; do
        shift
        file=$(git -C "$tree" ls-files -- ":(glob)$1" | head -n 1)
    done
    [[ -n $file ]] || { echo "bench-builds: no file to edit in $tree" >&2; exit 1; }
    git -C "$tree" checkout --quiet -- "$file"
    awk -v line="    std::hint::black_box(${number}_u64);" '
        { print }
        !done && /^(pub (async )?fn .*|\) .*)\{$/ { print line; done = 1 }
    ' "$tree/$file" >"$workshop/edited"
    cat "$workshop/edited" >"$tree/$file"
}

build_server() {
    in_tree "$1" cargo-leptos build --server-only
}

run_server() {
    local tree=$workshop/$1 address=127.0.0.1:34190
    (
        cd "$tree"
        export SITE_ADDR=$address DATA_DIR=$workshop/data RUST_LOG=error CHAT_PROVIDERS=openai OPENAI_BASE_URL=http://127.0.0.1:9/v1
        exec target/debug/tessera
    ) >>"$workshop/log" 2>&1 </dev/null &
    server=$!
    until curl --silent --fail --output /dev/null "http://$address/healthz"; do
        kill -0 "$server" 2>/dev/null || { echo "bench-builds: the server ends ($workshop/log)" >&2; exit 1; }
        sleep 0.02
    done
}

stop_server() {
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}

server_edit() {
    edit "$1" "$2" "${server_files[@]}"
    measure "$1" server until_it_answers "$1"
    stop_server
}

until_it_answers() {
    build_server "$1" && run_server "$1"
}

browser_edit() {
    edit "$1" "$2" "${browser_files[@]}"
    measure "$1" browser in_tree "$1" cargo-leptos build --frontend-only --split
}

test_edit() {
    edit "$1" "$2" "${server_files[@]}"
    measure "$1" tests in_tree "$1" scripts/test.sh
}

# measure SIDE NAME COMMAND…: adds the seconds (of the clock, of the processor) to the results.
measure() {
    local side=$1 name=$2 TIMEFORMAT='%R %U %S' seconds
    shift 2
    { time "$@" 2>&3; } 3>&2 2>"$workshop/time" || echo "bench-builds: $name, $side: failed ($workshop/log)" >&2
    seconds=$(tail -n 1 "$workshop/time")
    awk -v name="$name" -v side="$side" '{ print name, side, $1, $2 + $3 }' <<<"$seconds" >>"$workshop/results"
}

report() {
    awk '
        function median(key,    n, i, j, swap, list) {
            n = split(values[key], list, " ")
            for (i = 2; i <= n; i++)
                for (j = i; j > 1 && list[j - 1] + 0 > list[j] + 0; j--) { swap = list[j]; list[j] = list[j - 1]; list[j - 1] = swap }
            return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
        }
        {
            if (!($1 in seen)) { seen[$1] = 1; names[++count] = $1 }
            values[$1, $2, "clock"] = values[$1, $2, "clock"] " " $3
            values[$1, $2, "processor"] = values[$1, $2, "processor"] " " $4
            runs[$1, $2]++
        }
        END {
            printf "%-8s %-9s %9s %9s %6s   pairs\n", "edit", "seconds", "before", "after", "ratio"
            for (i = 1; i <= count; i++)
                for (kind = 1; kind <= 2; kind++) {
                    what = kind == 1 ? "clock" : "processor"
                    before = median(names[i] SUBSEP "before" SUBSEP what)
                    after = median(names[i] SUBSEP "after" SUBSEP what)
                    printf "%-8s %-9s %9.1f %9.1f %6.2f   %d\n", names[i], what, before, after, before ? after / before : 0, runs[names[i], "after"]
                }
        }
    ' "$workshop/results"
}

mkdir -p "$workshop"
: >"$workshop/log"
: >"$workshop/results"
echo "build times: before $(git rev-parse --short "$baseline"), after $(git rev-parse --short "$now"), both built first ($workshop/log)"
prepare before "$baseline"
prepare after "$now"

# Once each that does not count: from then on only the edit is new.
for side in before after; do
    edit "$side" 0 "${server_files[@]}"
    build_server "$side"
    edit "$side" 0 "${browser_files[@]}"
    in_tree "$side" cargo-leptos build --frontend-only --split
done
for ((round = 1; round <= rounds; round++)); do
    # Who is first changes: the machine may become slower or faster meanwhile.
    order=(before after)
    ((round % 2)) || order=(after before)
    for kind in server_edit browser_edit; do
        for side in "${order[@]}"; do
            "$kind" "$side" "$round"
        done
    done
done
if ((test_rounds > 0)); then
    for side in before after; do
        in_tree "$side" scripts/test.sh || echo "bench-builds: tests, $side: failed ($workshop/log)" >&2
    done
    for ((round = 1; round <= test_rounds; round++)); do
        for side in before after; do
            test_edit "$side" "$((rounds + round))"
        done
    done
fi
report
