#!/usr/bin/env bash
# Feeds each reader of tests/it/fuzz with broken input for so many minutes, several at a time. What is wrong, or takes too long, is
# kept in target/fuzz; FUZZ_SEED=2 makes other inputs.
#
#   scripts/fuzz.sh [MINUTES] [TARGET]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
export FUZZ_MINUTES=${1:-10}
exec cargo-nextest nextest run --locked --features ssr --profile fuzz --no-fail-fast --success-output final \
    -E "test(/^fuzz::.*${2:-}/)"
