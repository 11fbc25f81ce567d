#!/usr/bin/env bash
# OpenAI's clients: on `429` with `Retry-After: 3600`, the one for Python gives up at once, the one for Node sleeps an hour, twice.
#
# Guess:  two clients by the same maker, made from one description, retry by the same rule; and no client sleeps for an hour inside of a
#         call whose own time-out is ten minutes.
# Is so:  Python obeys a wait of up to two minutes and does not retry after a longer one. Node obeys any: the time-out counts for each
#         attempt alone, so the call returns after two hours.
# Ours:   a limit that clears later than people are willing to wait should send `x-should-retry: false`, which both obey.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check openai==3.54.0
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" openai@6.49.0

cat >"$work/python_client.py" <<'PY'
import json
import sys
from unittest import mock

import openai

client = openai.OpenAI(api_key="none", base_url=sys.argv[1])
waits = []
# The clock stands still: only how long it would have slept is of interest.
with mock.patch("time.sleep", waits.append):
    try:
        client.models.list()
    except openai.RateLimitError:
        print(json.dumps(waits))
PY
cat >"$work/node_client.mjs" <<'JS'
import OpenAI from 'openai';

const client = new OpenAI({ apiKey: 'none', baseURL: process.argv[2] });
const waits = [];
const sooner = globalThis.setTimeout;
// 600 s is the time-out of an attempt, which is none of the waits.
globalThis.setTimeout = (act, delay, ...rest) => {
    if (delay >= 1000 && delay !== client.timeout) waits.push(delay / 1000);
    return sooner(act, delay === client.timeout ? delay : Math.min(delay, 10), ...rest);
};
try {
    await client.models.list();
} catch (error) {
    if (!(error instanceof OpenAI.RateLimitError)) throw error;
    console.log(JSON.stringify(waits.filter((wait) => wait > 10)));
    process.exit(0);
}
JS
cat >"$work/try.py" <<'PY'
import http.server
import json
import subprocess
import sys
import threading

headers = {}
requests = 0


class Busy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global requests
        requests += 1
        body = b'{"error": {"message": "too many requests"}}'
        self.send_response(429)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
print("openai 3.54.0 for Python, openai 6.49.0 for Node")
as_described = True
for name, command, given, waits in [
    ("Python", [sys.executable, "python_client.py"], {"Retry-After": "90"}, [90, 90]),
    ("Node", ["node", "node_client.mjs"], {"Retry-After": "90"}, [90, 90]),
    ("Python", [sys.executable, "python_client.py"], {"Retry-After": "3600"}, []),
    ("Node", ["node", "node_client.mjs"], {"Retry-After": "3600"}, [3600, 3600]),
    ("Python", [sys.executable, "python_client.py"], {"Retry-After": "3600", "x-should-retry": "false"}, []),
    ("Node", ["node", "node_client.mjs"], {"Retry-After": "3600", "x-should-retry": "false"}, []),
]:
    headers, requests = given, 0
    seen = json.loads(subprocess.run([*command, url], check=True, capture_output=True, text=True, timeout=60).stdout)
    print(f"{name:6} {given}: {requests} requests, sleeps {seen} s")
    as_described &= seen == waits and requests == len(waits) + 1
sys.exit(0 if as_described else "this is not what was seen before")
PY
cd "$work"
"$work/env/bin/python" try.py
