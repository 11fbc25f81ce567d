#!/usr/bin/env bash
# LangChain and Pydantic AI for Python: from a server that sends usage with each piece of a stream, they count the prompt with each piece.
#
# Guess:  usage in a stream is a total so far, as `prompt_tokens` is the same in each, so the last one counts. Some servers send it
#         with each piece (vLLM where `continuous_usage_stats` is asked for, others always).
# Is so:  both add up all that they see: seven totals of a prompt with 1,000 tokens and the one at the end become 8,000, and the reply of 5
#         becomes 25. Pydantic AI can be told (`openai_continuous_usage_stats`), but then asks the server for it, too; LangChain has no
#         such setting. LangChain for Node and the AI SDK take the last one.
# Ours:   a stream tells its usage once, in its last chunk, also where the provider tells it all the time; and we read its last.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check langchain-openai==1.7.4 'pydantic-ai-slim[openai]==2.68.0'
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" \
    ai@6.0.326 @ai-sdk/openai-compatible@2.0.92 @langchain/openai@1.5.8 @langchain/core@1.4.0

cat >"$work/node_clients.mjs" <<'JS'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ChatOpenAI } from '@langchain/openai';
import { streamText } from 'ai';

const baseURL = process.argv[2];
let whole;
const chat = new ChatOpenAI({ model: 'm', apiKey: 'none', configuration: { baseURL }, streamUsage: true });
for await (const piece of await chat.stream('Hi')) whole = whole ? whole.concat(piece) : piece;
const { input_tokens: input, output_tokens: output } = whole.usage_metadata;

const provider = createOpenAICompatible({ name: 'here', baseURL, apiKey: 'none', includeUsage: true });
const stream = streamText({ model: provider('m'), prompt: 'Hi' });
await stream.consumeStream();
const { inputTokens, outputTokens } = await stream.usage;
console.log(JSON.stringify({ '@langchain/openai 1.5.8': [input, output], 'ai 6.0.326': [inputTokens, outputTokens] }));
JS
cat >"$work/try.py" <<'PY'
import asyncio
import http.server
import json
import os
import subprocess
import sys
import threading

from langchain_openai import ChatOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings
from pydantic_ai.providers.openai import OpenAIProvider


class Server(http.server.BaseHTTPRequestHandler):
    """An answer of five words, whose usage stands at the end alone or in each chunk, as the path says."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        deltas = [{"role": "assistant", "content": ""}, *[{"content": "word "}] * 5, {}]
        for at, delta in enumerate(deltas):
            finish = None if delta else "stop"
            usage = self.usage(min(at, 5)) if self.path.startswith("/each") else None
            self.write([{"index": 0, "delta": delta, "finish_reason": finish}], usage)
        self.write([], self.usage(5))
        self.wfile.write(b"data: [DONE]\n\n")

    def usage(self, words):
        return {"prompt_tokens": 1000, "completion_tokens": words, "total_tokens": 1000 + words}

    def write(self, choices, usage):
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, "usage": usage}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def log_message(self, *_):
        pass


def by_langchain(url):
    whole = None
    for piece in ChatOpenAI(model="m", api_key="none", base_url=url, stream_usage=True).stream("Hi"):
        whole = piece if whole is None else whole + piece
    return [whole.usage_metadata["input_tokens"], whole.usage_metadata["output_tokens"]]


def by_pydantic(url, is_told):
    async def run():
        model = OpenAIChatModel("m", provider=OpenAIProvider(base_url=url, api_key="none"))
        settings = OpenAIChatModelSettings(openai_continuous_usage_stats=is_told)
        async with Agent(model, model_settings=settings).run_stream("Hi") as result:
            await result.get_output()
            return [result.usage.input_tokens, result.usage.output_tokens]

    return asyncio.run(run())


os.environ["LANGSMITH_TRACING"] = "false"
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = {}
for place in ("end", "each"):
    url = f"http://127.0.0.1:{server.server_port}/{place}/v1"
    seen[place] = {
        "langchain-openai 1.7.4": by_langchain(url),
        "pydantic-ai 2.68.0": by_pydantic(url, False),
        "pydantic-ai 2.68.0, told": by_pydantic(url, True),
        **json.loads(subprocess.run(["node", "node_clients.mjs", url], check=True, capture_output=True, timeout=60).stdout),
    }
print("1,000 tokens are sent, 5 come back")
for name, once in seen["end"].items():
    print(f"{name:24} usage at the end: {once}, usage in each chunk: {seen['each'][name]}")
as_described = all(counts == [1000, 5] for counts in seen["end"].values())
as_described &= [*seen["each"].values()] == [[8000, 25], [8000, 25], [1000, 5], [1000, 5], [1000, 5]]
sys.exit(0 if as_described else "this is not what was seen before")
PY
cd "$work"
"$work/env/bin/python" try.py
