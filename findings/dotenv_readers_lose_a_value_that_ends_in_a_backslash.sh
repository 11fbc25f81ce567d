#!/usr/bin/env bash
# crate dotenvy, PyPI python-dotenv: in single quotes, a backslash before the closing quote takes the quote with it.
#
# Guess:  single quotes in `.env` are those of a shell: nothing in them is special, so `DIRECTORY='C:\data\'` ends in a backslash.
# Is so:  it does for bash, for Node.js with `--env-file` and for npm dotenv. For dotenvy the quote stays open: it fails, and the error
#         names the next line too. python-dotenv warns, drops that variable and reads the rest. Writing it as `\\` is no way out:
#         python-dotenv and dotenvy then differ by one backslash. In double quotes with `\\`, these two and bash agree, and the two
#         readers of Node.js keep both backslashes. None of the three is read alike by all five.
# Ours:   `tessera init` writes a value with a backslash in double quotes, as dotenvy reads it.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts dotenv@18.0.10
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check python-dotenv==1.2.4
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "try"
version = "0.0.0"
edition = "2021"
[dependencies]
dotenvy = "=0.15.7"
TOML
cat >src/main.rs <<'RUST'
fn main() {
    let read: Result<Vec<_>, _> = dotenvy::from_filename_iter("env").unwrap().collect();
    match read {
        Ok(read) => print!("{}", read.into_iter().find(|(name, _)| name == "DIRECTORY").unwrap().1),
        Err(dotenvy::Error::LineParse(..)) => print!("an error"),
        Err(other) => panic!("{other}"),
    }
}
RUST
cargo build --quiet

# read VALUE : how each reader reads DIRECTORY=VALUE, a line each, in one order.
read_all() {
    printf '%s\n' "DIRECTORY=$1" 'NEXT=two' >env
    bash -c '. ./env && printf "bash: %s\n" "$DIRECTORY"'
    node --env-file=env -e 'console.log(`Node.js: ${process.env.DIRECTORY}`)'
    node -e 'console.log(`npm dotenv: ${require("dotenv").config({ path: "env", quiet: true }).parsed.DIRECTORY}`)'
    python/bin/python -c 'import dotenv; print("python-dotenv:", dotenv.dotenv_values("env").get("DIRECTORY", "no such variable"))' 2>/dev/null
    printf 'dotenvy: %s\n' "$(target/debug/try)"
}

echo "bash ${BASH_VERSION%%(*}, Node.js $(node --version), npm dotenv 18.0.10, python-dotenv 1.2.4, dotenvy 0.15.7"
seen=$(for value in "'C:\\data\\'" "'C:\\data\\\\'" '"C:\\data\\"'; do
    echo "DIRECTORY=$value"
    read_all "$value" | sed 's/^/  /'
done)
echo "$seen"
expected=$(cat <<'SEEN'
DIRECTORY='C:\data\'
  bash: C:\data\
  Node.js: C:\data\
  npm dotenv: C:\data\
  python-dotenv: no such variable
  dotenvy: an error
DIRECTORY='C:\data\\'
  bash: C:\data\\
  Node.js: C:\data\\
  npm dotenv: C:\data\\
  python-dotenv: C:\data\
  dotenvy: C:\data\\
DIRECTORY="C:\\data\\"
  bash: C:\data\
  Node.js: C:\\data\\
  npm dotenv: C:\\data\\
  python-dotenv: C:\data\
  dotenvy: C:\data\
SEEN
)
[[ $seen == "$expected" ]] || {
    echo 'this is not what was seen before' >&2
    exit 1
}
