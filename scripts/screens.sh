#!/usr/bin/env bash
# Photographs every page in every state into target/screens, with one contact
# sheet per page. Nothing here passes or fails.
#
#   scripts/screens.sh [landing sign-in chat …]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
scripts/build.sh
exec node end2end/screens.mjs "$@"
