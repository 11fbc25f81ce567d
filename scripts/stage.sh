#!/usr/bin/env bash
# Puts what was built into one folder, as it is installed and released: nothing in it knows of this checkout.
#
#   scripts/stage.sh FOLDER [--model]   (with the small chat model, 98 MB)
#   TESSERA_PROGRAM   target/release/tessera
#   TESSERA_SITE      target/site
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh

folder=${1:?usage: scripts/stage.sh FOLDER [--model]}
program=${TESSERA_PROGRAM:-target/release/tessera}
site=${TESSERA_SITE:-target/site}
# Where cargo-leptos writes down under which names the files of this build are served: the program looks beside itself.
hashes=$(dirname "$program")/hash.txt
for built in "$program" "$hashes" "$site/pkg"; do
    [[ -e $built ]] || { echo "tessera stage: $built is not there: make build" >&2; exit 1; }
done

umask 022
rm -rf "$folder"
mkdir -p "$folder/doc"
install -m 755 "$program" "$folder/tessera"
cp "$hashes" "$folder/hash.txt"
cp -r "$site" "$folder/site"
# It counts from where the file lies, beside the program.
sed -e 's|^site-root = .*|site-root = "site"|' -e '/^# /d' Leptos.toml >"$folder/Leptos.toml"
cp -r deploy "$folder/deploy"
mv "$folder/deploy/install.sh" "$folder/install.sh"
cp README.md CHANGELOG.md SECURITY.md docs/API.md docs/DEPLOYMENT.md "$folder/doc/"
cp LICENSE .env.example "$folder/"
scripts/bill_of_materials.py "$folder/tessera.cdx.json" "$folder/THIRD_PARTY_LICENSES"
if [[ ${2:-} == --model ]]; then
    mkdir "$folder/models"
    cp -L models/*.gguf "$folder/models/"
fi
chmod -R u=rwX,go=rX "$folder"
