#!/usr/bin/env bash
# Prints the figures that docs/ARCHITECTURE.md speaks of. Nothing here passes or fails.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
# As scripts/build.sh does.
export RUSTFLAGS=${RUSTFLAGS:-}
scripts/build.sh
for bench in ledger local images server gateway scale; do
    cargo bench --locked --features ssr --bench "$bench"
done
node benches/sign_in.mjs
node end2end/lighthouse.mjs
# The longest by far: two checkouts are built from nothing the first time.
scripts/bench-builds.sh
