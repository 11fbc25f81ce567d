#!/usr/bin/env bash
# A load rehearsal of the release build (benches/rehearsal.mjs): three servers, MongoDB, Redis and a proxy on this machine, with all that
# goes wrong in a year in so many minutes.
#
#   scripts/rehearsal.sh [MINUTES] [PROGRAM] [PROGRAM_AFTER]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
if [[ $# -lt 2 ]]; then scripts/build.sh; fi
exec node benches/rehearsal.mjs "$@"
