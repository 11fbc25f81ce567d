#!/usr/bin/env bash
# codex: it asks six times where a status says that the request or the account is at fault, and thirty times after a 503.
#
# Guess:  like the client of the same maker, it tries 408, 409, 429 and 5xx again, two to five times, and heeds `x-should-retry: false`.
# Is so:  only 400 and 429 end the turn at once. After 401, 402, 403, 404, 413 or 422 it asks five times more. After a 503 it asks
#         thirty times, because two loops of retries are nested. `x-should-retry` is not read.
# Ours:   a refusal must cost nothing and be cheap to make, however often it is asked for. A 402 stays a 402: with 429 and
#         `insufficient_quota`, codex would ask once, but not show where credits are sold.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --prefix "$work" --silent --no-audit --no-fund @openai/codex@0.171.0

cat >"$work/try.mjs" <<'JS'
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const work = process.argv[2];
const expected = { 400: 1, 401: 6, 402: 6, 403: 6, 404: 6, 413: 6, 422: 6, 429: 1, 503: 30 };

async function timesAsked(status) {
  let asked = 0;
  const body = JSON.stringify({ error: { message: "no", type: "insufficient_quota", param: null, code: "insufficient_quota" } });
  const server = createServer((request, response) => {
    asked += request.method === "POST";
    request.resume().on("end", () => {
      response.writeHead(status, { "content-type": "application/json", "x-should-retry": "false" }).end(body);
    });
  }).listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const home = join(work, `home-${status}`);
  mkdirSync(home);
  const settings = [
    'model = "m"',
    'model_provider = "here"',
    "check_for_update_on_startup = false",
    "[analytics]",
    "enabled = false",
    "[model_providers.here]",
    'name = "Here"',
    `base_url = "http://127.0.0.1:${server.address().port}/v1"`,
    'env_key = "KEY"',
    'wire_api = "responses"',
  ];
  writeFileSync(join(home, "config.toml"), settings.join("\n"));
  const nowhere = "http://127.0.0.1:9";
  const codex = spawn(join(work, "node_modules/.bin/codex"), ["exec", "--skip-git-repo-check", "Hello"], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, CODEX_HOME: home, KEY: "k", HTTPS_PROXY: nowhere, NO_PROXY: "127.0.0.1" },
    stdio: "ignore",
  });
  await new Promise((ended) => codex.once("close", ended));
  server.close();
  return asked;
}

console.log("codex 0.171.0, x-should-retry: false");
const statuses = Object.keys(expected).map(Number);
const seen = Object.fromEntries(await Promise.all(statuses.map(async (status) => [status, await timesAsked(status)])));
for (const status of statuses) console.log(`${status}: asked ${seen[status]} times`);
if (JSON.stringify(seen) !== JSON.stringify(expected)) {
  console.log("this is not what was seen before");
  process.exit(1);
}
JS
node "$work/try.mjs" "$work"
