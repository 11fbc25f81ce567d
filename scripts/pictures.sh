#!/usr/bin/env bash
# Renders the icons and the picture for links anew: to be run after a change of
# public/favicon.svg, public/icon-maskable.svg or scripts/pictures/og.html. The
# results are checked in.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh test
. scripts/env.sh
exec node scripts/pictures/render.cjs
