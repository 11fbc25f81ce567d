#!/usr/bin/env bash
# @clerk/backend: with a list of authorized parties, a session token without `azp` is refused.
#
# Guess:  `azp` is optional, and Clerk's guide to verifying by hand compares it only where it is there. So with
#         `authorizedParties` the library lets a token without it pass.
# Is so:  it refuses one whose `azp` is missing, null or empty as if it named another party; without a list, or with an empty one, it
#         takes the same token. Clerk puts in the `Origin` of the request that asked for the token, so programs that send none get
#         tokens that work in development and fail once a list is set.
# Ours:   the origin of PUBLIC_URL is always asked for, so tokens without `azp` get a 401 here, too, and docs/DEPLOYMENT.md says so.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --prefix "$work" @clerk/backend@3.25.0

cat >"$work/try.mjs" <<'JS'
import { createSign, generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { verifyToken } from '@clerk/backend';

const { version } = createRequire(import.meta.url)('@clerk/backend/package.json');
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwtKey = publicKey.export({ type: 'spki', format: 'pem' });
const ours = 'https://chat.example.com';

function token(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const payload = { iss: 'https://clerk.example.com', sub: 'user_1', sid: 'sess_1', iat: now, nbf: now - 10, exp: now + 60, ...claims };
  const message = `${part({ alg: 'RS256', typ: 'JWT', kid: 'ins_1' })}.${part(payload)}`;
  return `${message}.${createSign('RSA-SHA256').update(message).sign(privateKey).toString('base64url')}`;
}

async function outcome(claims, options) {
  try {
    return (await verifyToken(token(claims), { jwtKey, ...options })).sub;
  } catch (error) {
    return error.reason;
  }
}

const refused = 'token-invalid-authorized-parties';
const cases = [
  ['our origin, with a list', { azp: ours }, { authorizedParties: [ours] }, 'user_1'],
  ['no azp, with a list', {}, { authorizedParties: [ours] }, refused],
  ['azp is null, with a list', { azp: null }, { authorizedParties: [ours] }, refused],
  ['azp is empty, with a list', { azp: '' }, { authorizedParties: [ours] }, refused],
  ['no azp, without a list', {}, {}, 'user_1'],
  ['no azp, with an empty list', {}, { authorizedParties: [] }, 'user_1'],
];
console.log(`@clerk/backend ${version}`);
let asDescribed = true;
for (const [what, claims, options, expected] of cases) {
  const seen = await outcome(claims, options);
  console.log(`${what.padEnd(27)} ${seen}`);
  asDescribed &&= seen === expected;
}
if (!asDescribed) {
  console.error('this is not what was seen before');
  process.exit(1);
}
JS
cd "$work"
node try.mjs
