#!/usr/bin/env bash
# OpenAI's clients: a streamed answer that ends in the middle, without `finish_reason` and without `[DONE]`, is no error.
#
# Guess:  `[DONE]` is there so that a client can tell an end from a breakdown; a stream that closes without it raises.
# Is so:  in Python and Node the loop over the stream simply ends, as if all had been said. Only where the connection itself breaks
#         (here: the last chunk of the chunked body is missing) does the loop fail.
# Ours:   a server that has to give up in the middle must say so in the stream (`data: {"error": …}`, which both raise), never just end
#         the body; and a client should look for a `finish_reason`.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check openai==3.54.0
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" openai@6.49.0

cat >"$work/python_client.py" <<'PY'
import sys

import openai

client = openai.OpenAI(api_key="none", base_url=sys.argv[1], max_retries=0)
text = ""
try:
    for chunk in client.chat.completions.create(model="any", messages=[{"role": "user", "content": "Hi"}], stream=True):
        text += chunk.choices[0].delta.content or ""
    print("ends well after", repr(text))
except openai.APIError:
    print("fails after", repr(text))
PY
cat >"$work/node_client.mjs" <<'JS'
import OpenAI from 'openai';

const client = new OpenAI({ apiKey: 'none', baseURL: process.argv[2], maxRetries: 0 });
let text = '';
try {
    const messages = [{ role: 'user', content: 'Hi' }];
    for await (const chunk of await client.chat.completions.create({ model: 'any', messages, stream: true })) {
        text += chunk.choices[0].delta.content ?? '';
    }
    console.log(`ends well after '${text}'`);
} catch {
    console.log(`fails after '${text}'`);
}
JS
cat >"$work/try.py" <<'PY'
import http.server
import json
import subprocess
import sys
import threading

PIECE = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "any"}
DELTA = {"index": 0, "delta": {"content": "The answer is"}, "finish_reason": None}
HALF = f"data: {json.dumps({**PIECE, 'choices': [DELTA]})}\n\n".encode()
ERROR = b'data: {"error": {"message": "the model went away", "type": "server_error"}}\n\n'
body, closes_properly = b"", True


class Model(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body) + (b"0\r\n\r\n" if closes_properly else b""))
        self.close_connection = True

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
print("openai 3.54.0 for Python, openai 6.49.0 for Node")
as_described = True
for case, body, closes_properly, expected in [
    ("half an answer, the body ends properly", HALF, True, "ends well after 'The answer is'"),
    ("nothing at all, the body ends properly", b"", True, "ends well after ''"),
    ("half an answer, an error event", HALF + ERROR, True, "fails after 'The answer is'"),
    ("half an answer, the connection breaks", HALF, False, "fails after 'The answer is'"),
]:
    for name, command in [("Python", [sys.executable, "python_client.py"]), ("Node", ["node", "node_client.mjs"])]:
        seen = subprocess.run([*command, url], check=True, capture_output=True, text=True, timeout=60).stdout.strip()
        print(f"{name:6} {case}: {seen}")
        as_described &= seen == expected
sys.exit(0 if as_described else "this is not what was seen before")
PY
cd "$work"
"$work/env/bin/python" try.py
