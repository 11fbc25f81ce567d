#!/usr/bin/env bash
# Builds what is out of date and serves it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh run
scripts/build.sh
echo "tessera: http://127.0.0.1:3000 (Ctrl-C stops it)"
# In place of this shell, so that signals reach the server.
exec target/release/tessera
