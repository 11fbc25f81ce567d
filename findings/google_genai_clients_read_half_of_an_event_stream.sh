#!/usr/bin/env bash
# google-genai: a heartbeat comment ends a stream for the client for Python, and a name of events empties it for the one for Node.
#
# Guess:  `alt=sse` is the usual event stream, so a gateway before Gemini may keep the connection alive by comments (sse-starlette sends
#         one every 15 s unasked), and may name its events, as Anthropic's interface does.
# Is so:  neither client has a reader of event streams. Python takes each line that does not begin with `data: ` for JSON, so a comment, an
#         `event:` line or `data:` without its space raises UnknownApiResponseError. Node takes comments and a missing space, but skips each
#         event that begins with `event:` without a word: the answer is empty, and no error says why. Both take empty lines.
# Ours:   our keep-alives are comments, which is right for the dialects that `/v1` speaks. One that speaks Gemini's has to send empty
#         lines instead, and to leave names out.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check google-genai==3.6.1
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" @google/genai@3.3.0

cat >"$work/node_client.mjs" <<'JS'
import { GoogleGenAI } from '@google/genai';

const client = new GoogleGenAI({ apiKey: 'none', httpOptions: { baseUrl: process.argv[2] } });
let text = '';
try {
    for await (const chunk of await client.models.generateContentStream({ model: 'm', contents: 'Hi' })) text += chunk.text ?? '';
    console.log(JSON.stringify(text));
} catch (error) {
    console.log(JSON.stringify(`${text} and ${error.name}`));
}
JS
cat >"$work/try.py" <<'PY'
import http.server
import json
import subprocess
import sys
import threading
from importlib.metadata import version

from google import genai


def chunk(text, **more):
    return json.dumps({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, **more}]})


FIRST, LAST = chunk("Hel"), chunk("lo", finishReason="STOP")
BROKEN = "Hel and UnknownApiResponseError"
# The stream, what Python makes of it, and what Node does.
CASES = {
    "data alone": (f"data: {FIRST}\n\ndata: {LAST}\n\n", "Hello", "Hello"),
    "a comment between": (f"data: {FIRST}\n\n: ping\n\ndata: {LAST}\n\n", BROKEN, "Hello"),
    "no space after data:": (f"data: {FIRST}\n\ndata:{LAST}\n\n", BROKEN, "Hello"),
    "a name of the last event": (f"data: {FIRST}\n\nevent: message\ndata: {LAST}\n\n", BROKEN, "Hel"),
    "empty lines": (f"\n\ndata: {FIRST}\n\n\n\ndata: {LAST}\n\n", "Hello", "Hello"),
}


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(list(CASES.values())[int(self.path.split("/")[1])][0].encode())

    def log_message(self, *_):
        pass


def in_python(url):
    client = genai.Client(api_key="none", http_options=genai.types.HttpOptions(base_url=url))
    text = ""
    try:
        for part in client.models.generate_content_stream(model="m", contents="Hi"):
            text += part.text or ""
    except genai.errors.UnknownApiResponseError as error:
        return f"{text} and {type(error).__name__}"
    return text


def in_node(url):
    return json.loads(subprocess.run(["node", "node_client.mjs", url], check=True, capture_output=True, timeout=60).stdout)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"google-genai {version('google-genai')} for Python, @google/genai 3.3.0 for Node")
as_described = True
for at, (name, (_, of_python, of_node)) in enumerate(CASES.items()):
    url = f"http://127.0.0.1:{server.server_port}/{at}"
    seen = in_python(url), in_node(url)
    print(f"{name:25} Python: {seen[0]}; Node: {seen[1]}")
    as_described &= seen == (of_python, of_node)
sys.exit(0 if as_described else "this is not what was seen before")
PY
cd "$work"
"$work/env/bin/python" try.py
