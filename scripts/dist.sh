#!/usr/bin/env bash
# A release in target/dist: a tarball, its SBOM, and SHA256SUMS. The same commit makes the same files.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    echo "tessera dist: $*" >&2
    exit 1
}

[[ -z $(git status --porcelain) ]] || fail "there are changes that are in no commit: a release is of a commit"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
name=tessera-$version-$(uname -m)-linux-gnu
date=$(git log -1 --format=%cI)

scripts/setup.sh run
. scripts/env.sh
scripts/build.sh
# Built before the commit, from the same sources: only the name of the commit is linked anew.
if [[ $(target/release/tessera --version) == *"with changes"* ]]; then
    rm -f target/.tessera/all
    scripts/build.sh
fi

rm -rf target/dist
mkdir -p target/dist
scripts/stage.sh "target/dist/$name"
cp "target/dist/$name/tessera.cdx.json" "target/dist/$name.cdx.json"
tar --create --directory target/dist --sort=name --mtime="$date" --owner=0 --group=0 --numeric-owner --format=gnu "$name" |
    gzip --no-name --best >"target/dist/$name.tar.gz"
rm -rf "target/dist/${name:?}"
(cd target/dist && sha256sum -- *.tar.gz *.cdx.json >SHA256SUMS)
echo "tessera dist: $(target/release/tessera --version), in target/dist:"
(cd target/dist && du -h -- *)
