#!/usr/bin/env bash
# openai-agents: a run ends in an error when a server gives a call of a tool the id that a call of an earlier response had.
#
# Guess:  the id of a call only has to tell apart the calls of one response: each response is answered before the next is asked for, and
#         the interfaces name no wider scope. The client of the same maker takes such ids.
# Is so:  since the agents keep what was done by its id, another call under an id that is done raises ModelBehaviorError, with chat
#         completions as with Responses. If name and arguments are the same too, the call is left out without a result, and the run asks
#         again and again until its limit of turns.
# Ours:   a call whose id is missing, or stands in an earlier turn of the request, gets one of its own.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check openai-agents==0.24.0

cat >"$work/try.py" <<'PY'
import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import agents
from openai import AsyncOpenAI

CALLS = []


class Server(BaseHTTPRequestHandler):
    """Two responses that call a tool, each under the id that the path says, then one with a text."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        _, ids, arguments, _, _ = self.path.split("/")
        turn = sum(message["role"] == "tool" for message in body["messages"])
        message = {"role": "assistant", "content": "done"}
        if turn < 2:
            said = json.dumps({"place": "here" if arguments == "same" else str(turn)})
            name = {"id": "call_0" if ids == "repeated" else f"call_{turn}", "type": "function"}
            message = {"role": "assistant", "content": None, "tool_calls": [name | {"function": {"name": "look", "arguments": said}}]}
        finish = "tool_calls" if turn < 2 else "stop"
        answer = json.dumps({
            "id": "1", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@agents.function_tool
def look(place: str) -> str:
    """Looks at a place."""
    CALLS.append(place)
    return f"nothing at {place}"


async def run(port, ids, arguments):
    CALLS.clear()
    client = AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/{ids}/{arguments}", api_key="key", max_retries=0)
    model = agents.OpenAIChatCompletionsModel(model="m", openai_client=client)
    agent = agents.Agent(name="a", model=model, tools=[look])
    try:
        outcome = (await agents.Runner.run(agent, "Look twice.")).final_output
    except Exception as error:
        outcome = type(error).__name__
    return outcome, list(CALLS)


agents.set_tracing_disabled(True)
server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = {}
for ids in ("fresh", "repeated"):
    for arguments in ("other", "same"):
        seen[ids, arguments] = asyncio.run(run(server.server_port, ids, arguments))
print("openai-agents 0.24.0")
for (ids, arguments), (outcome, calls) in seen.items():
    print(f"{ids} ids, {arguments} arguments: {outcome}; the tool ran {len(calls)} times")
expected = {
    ("fresh", "other"): ("done", ["0", "1"]),
    ("fresh", "same"): ("done", ["here", "here"]),
    ("repeated", "other"): ("ModelBehaviorError", ["0"]),
    ("repeated", "same"): ("MaxTurnsExceeded", ["here"]),
}
if seen != expected:
    raise SystemExit(f"this is not what was seen before: {seen}")
PY
"$work/venv/bin/python" "$work/try.py"
