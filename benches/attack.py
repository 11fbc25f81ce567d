"""What a user notices while somebody else attacks, and what the server takes meanwhile: an earlier build (before) and
this one (after), one after the other on the same data. Not part of `make bench`: it needs both builds.

    python3 benches/attack.py BEFORE AFTER [SECONDS]

BEFORE and AFTER are folders with `target/release/tessera` and `target/site`. Twenty users load `/chat` and ask a question
by turns; the attack comes from another address, within the default limits of an address or past them. Each phase lasts
SECONDS (30). Printed are medians and the 99th percentile in ms of what the users waited, refused requests of theirs, and
the most memory that the server held.
"""

import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

USERS = 20
PASSWORD = "a long violet teapot"
CODE = "```rust\nfn answer(of: u64) -> u64 {\n    let mut sum = 0;\n    for n in 0..of { sum += n * 3 }\n    sum\n}\n```\n\n"
ANSWER = "## What it does\n\nSome **bold** words, `code`, and a list:\n\n- one\n- two\n\n" + CODE * 40
PIXELS = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAA" * 860_000


class Upstream(http.server.BaseHTTPRequestHandler):
    """An OpenAI-compatible provider that answers at once."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        chunk = '{"choices":[{"index":0,"delta":{"content":"word "},"finish_reason":%s}]}'
        events = [chunk % "null"] * 20 + [chunk % '"stop"', "[DONE]"]
        body = "".join(f"data: {event}\n\n" for event in events).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server:
    """A build, with a data folder."""

    def __init__(self, build: Path, data: Path, upstream: int):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        env = {"PATH": os.environ["PATH"], "SITE_ADDR": f"127.0.0.1:{self.port}", "DATA_DIR": str(data), "RUST_LOG": "error",
               "CHAT_PROVIDERS": "openai", "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream}/v1",
               "FREE_CREDITS": "100000", "REDIS_URL": "", "MONGODB_URI": ""}
        env = {key: value for key, value in env.items() if value}
        self.child = subprocess.Popen([build / "target/release/tessera"], cwd=build, env=env)
        while True:
            try:
                if self.ask("GET", "/healthz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)

    def ask(self, method, path, body=None, cookie=None, source="127.0.0.1", timeout=60):
        """Status, body and cookie of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout, source_address=(source, 0))
        try:
            headers = {"Host": f"127.0.0.1:{self.port}"}
            if cookie:
                headers["Cookie"] = cookie
            if body is not None:
                headers["Content-Type"] = "application/json"
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.getheader("set-cookie")
        finally:
            connection.close()

    def memory(self) -> int:
        """The most that was resident since the last call, in KiB."""
        lines = Path(f"/proc/{self.child.pid}/status").read_text().splitlines()
        peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
        Path(f"/proc/{self.child.pid}/clear_refs").write_text("5")
        return peak

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait()

    def sign_in(self, number: int) -> str:
        status, _, cookie = self.ask("POST", "/api/auth/login", {"email": f"u{number}@example.org", "password": PASSWORD},
                                     source=f"127.0.0.{3 + number % 2}")
        assert status == 200, status
        return cookie.split(";")[0]


def seed(build: Path, data: Path, upstream: int):
    """Twenty users, and an attacker with 10,000 conversations and one of 60 long answers."""
    server = Server(build, data, upstream)
    for number in range(USERS + 1):
        status, body, _ = server.ask("POST", "/api/auth/register",
                                     {"email": f"u{number}@example.org", "password": PASSWORD, "name": f"U {number}"},
                                     source=f"127.0.0.{3 + number % 2}")
        assert status in (200, 201), body
    server.stop()
    db = sqlite3.connect(data / "tessera.db")
    (owner,) = db.execute("SELECT id FROM users WHERE email = ?", (f"u{USERS}@example.org",)).fetchone()
    now = int(time.time() * 1000)
    ids = iter(uuid.UUID(int=((now - 10_000_000 + n) << 80) | (7 << 76) | (2 << 62) | n).bytes for n in range(10_000_000))

    def conversation(title, messages):
        talk = next(ids)
        db.execute("INSERT INTO conversations (id, user_id, title, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
                   (talk, owner, title, now, now))
        db.executemany("INSERT INTO messages (id, conversation_id, author, content, state, created_at) VALUES (?, ?, ?, ?, 'complete', ?)",
                       [(next(ids), talk, author, text, now) for author, text in messages])

    for number in range(10_000):
        conversation(f"Talk {number}", [("user", f"Tell me about harbour number {number}."),
                                        ("assistant", "The harbour lies between two hills and has a lighthouse. " * 20)])
    conversation("Long", [(author, text) for n in range(60) for author, text in (("user", f"Question {n}"), ("assistant", ANSWER))])
    db.commit()
    db.close()


class Attack:
    """Many at once, until it is over; each takes a breath of a second between two tries."""

    def __init__(self, many, work, pause=1.0):
        self.over = threading.Event()
        self.statuses = {}
        self.threads = [threading.Thread(target=self.run, args=(work, pause), daemon=True) for _ in range(many)]
        for thread in self.threads:
            thread.start()

    def run(self, work, pause):
        while not self.over.is_set():
            try:
                status = work()
            except (OSError, http.client.HTTPException) as error:
                status = type(error).__name__
            self.statuses[status] = self.statuses.get(status, 0) + 1
            self.over.wait(pause)

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(90)


def hold_connection(server):
    with socket.create_connection(("127.0.0.1", server.port), source_address=("127.0.0.2", 0), timeout=20) as half:
        half.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        try:
            half.recv(1)
        except TimeoutError:
            return "open"
    return "closed"


def users(server, cookies, seconds):
    """What twenty users wait for, two requests at a time at most, at a steady pace."""
    waits, refused, until, turn = {"page": [], "chat": []}, 0, time.monotonic() + seconds, 0
    while time.monotonic() < until:
        cookie = cookies[turn % USERS]
        turn += 1
        for kind, request in (("page", ("GET", "/chat", None)), ("chat", ("POST", "/api/chat", {"message": f"Hello {turn} {time.time()}"}))):
            began = time.monotonic()
            try:
                status = server.ask(*request, cookie=cookie)[0]
            except (OSError, http.client.HTTPException):
                status = 0
            waits[kind].append((time.monotonic() - began) * 1000)
            refused += status != 200
        time.sleep(max(0.0, 0.16 - (time.monotonic() - began)))
    return waits, refused


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))]


def measure(name, build, data, upstream, seconds):
    server = Server(build, data, upstream)
    cookies = [server.sign_in(number) for number in range(USERS)]
    attacker = server.sign_in(USERS)
    found = json.loads(server.ask("GET", "/api/conversations?q=Long&limit=1", cookie=attacker)[1])
    talk = found["data"]["conversations"][0]["id"] if "conversations" in found["data"] else found["data"]["items"][0]["id"]
    url = json.loads(server.ask("POST", f"/api/conversations/{talk}/share", cookie=attacker)[1])["data"]["url"]
    shared = url[url.index("/share"):]
    large = json.dumps({"message": "What is this?", "images": [PIXELS]}).encode()
    far = {"source": "127.0.0.2"}
    phases = {
        "quiet": None,
        "shared": (150, lambda: server.ask("GET", shared, **far)[0]),
        "search": (40, lambda: server.ask("GET", f"/api/conversations?q=lighthouse+{time.time_ns() % 1000}", cookie=attacker, **far)[0]),
        "connections": (900, lambda: hold_connection(server)),
        "bodies": (24, lambda: server.ask("POST", "/api/chat", large, cookie=attacker, **far)[0]),
    }
    results = {}
    users(server, cookies, 3)
    for phase, attack in phases.items():
        server.memory()
        running = Attack(*attack) if attack else None
        waits, refused = users(server, cookies, seconds)
        if running:
            running.end()
        results[phase] = {kind: (percentile(values, 0.5), percentile(values, 0.99)) for kind, values in waits.items()}
        results[phase]["memory"] = server.memory() / 1024
        quiet = results["quiet"]
        figures = "  ".join(
            f"{kind} {results[phase][kind][0]:7.1f} {results[phase][kind][1]:8.1f} ({results[phase][kind][1] / quiet[kind][1]:5.2f} x quiet)"
            for kind in ("page", "chat"))
        print(f"{name:7} {phase:12} {figures}  refused {refused:3}  {results[phase]['memory']:8.1f} MiB  "
              f"{running.statuses if running else ''}", flush=True)
        time.sleep(5)
    server.stop()
    return results


def main():
    before, after = (Path(name).resolve() for name in sys.argv[1:3])
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 30
    provider = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        seeded = Path(folder) / "seeded"
        seeded.mkdir()
        seed(before, seeded, provider.server_port)
        results = []
        for name, build in (("before", before), ("after", after)):
            data = Path(folder) / name
            shutil.copytree(seeded, data)
            results.append(measure(name, build, data, provider.server_port, seconds))
    for phase in results[0]:
        print(f"ratio   {phase:12} memory {results[1][phase]['memory'] / results[0][phase]['memory']:.2f}")


if __name__ == "__main__":
    main()
