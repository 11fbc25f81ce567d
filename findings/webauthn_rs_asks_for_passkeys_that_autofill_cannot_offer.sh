#!/usr/bin/env bash
# crate webauthn-rs: with the feature "conditional-ui" it signs in by autofill, and registers passkeys that autofill may not find.
#
# Guess:  what `start_passkey_registration` registers, `start_discoverable_authentication` can find: both belong to one library, and
#         a "passkey" is by its usual meaning a credential that the browser can list.
# Is so:  the registration says `"residentKey": "discouraged"`, whatever features are on: the authenticator is asked not to keep the
#         credential where it can be listed. Platforms that keep it regardless hide this in a first try; a security key, or a
#         browser's virtual authenticator, does as it is told, and the conditional request with its empty `allowCredentials` finds
#         nothing. npm @simplewebauthn/server, asked for its defaults, says "preferred".
# Ours:   the option is set to "required" before it goes to the browser, and a browser test registers with a virtual authenticator.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @simplewebauthn/server@14.0.3
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "try"
version = "0.0.0"
edition = "2021"
[dependencies]
serde_json = "1"
webauthn-rs = { version = "=0.6.2", default-features = false, features = ["conditional-ui"] }
TOML
cat >src/main.rs <<'RUST'
use webauthn_rs::prelude::{Url, Uuid, WebauthnBuilder};

fn main() {
    let origin = Url::parse("https://example.org").unwrap();
    let webauthn = WebauthnBuilder::new("example.org", &origin).unwrap().build().unwrap();
    let (registration, _) = webauthn.start_passkey_registration(Uuid::from_u128(1), "ada", "Ada", None).unwrap();
    let (sign_in, _) = webauthn.start_discoverable_authentication().unwrap();
    let (registration, sign_in) = (serde_json::to_value(registration).unwrap(), serde_json::to_value(sign_in).unwrap());
    let kept = &registration["publicKey"]["authenticatorSelection"]["residentKey"];
    let (asked, by) = (&sign_in["publicKey"]["allowCredentials"], &sign_in["mediation"]);
    println!("webauthn-rs registers with residentKey {kept}; signs in with mediation {by}, allowCredentials {asked}");
}
RUST
echo 'webauthn-rs 0.6.2, @simplewebauthn/server 14.0.3'
seen=$(cargo run --quiet; node --input-type=module -e '
import { generateRegistrationOptions } from "@simplewebauthn/server";
const { authenticatorSelection } = await generateRegistrationOptions({ rpName: "Example", rpID: "example.org", userName: "ada" });
console.log(`@simplewebauthn/server registers with residentKey "${authenticatorSelection.residentKey}"`);
')
echo "$seen"
[[ $seen == 'webauthn-rs registers with residentKey "discouraged"; signs in with mediation "conditional", allowCredentials []
@simplewebauthn/server registers with residentKey "preferred"' ]] || {
    echo 'this is not what was seen before' >&2
    exit 1
}
