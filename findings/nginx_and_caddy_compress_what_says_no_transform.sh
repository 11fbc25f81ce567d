#!/usr/bin/env bash
# nginx and Caddy compress a response that says `Cache-Control: no-transform`. HAProxy, asked for the same, does not.
#
# Guess:  "no-transform" keeps every proxy from changing the body (RFC 9110, 7.7), so an origin that sends it gets its bytes through,
#         whatever compression the proxy is set to.
# Is so:  HAProxy 2.6 leaves such a response alone. nginx 1.22 and Caddy 2.6 compress it as they do any other, and pass on the header
#         that forbids it.
# Ours:   nothing relies on the header alone: event streams are of a type that neither example compresses, and the tests read them
#         through all of them with compression on.
set -euo pipefail

readonly NGINX=1.22.1-9 HAPROXY=2.6.12-1 CADDY=2.6.2-5
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"

for package in nginx haproxy caddy; do
    apt-get download --quiet "$package" >/dev/null 2>&1
    dpkg-deb -x "$package"_*.deb .
done
version() { dpkg-deb -f "$1"_*.deb Version; }
echo "nginx $(version nginx), haproxy $(version haproxy), caddy $(version caddy)"
[[ $(version nginx) == "$NGINX"* && $(version haproxy) == "$HAPROXY"* && $(version caddy) == "$CADDY"* ]] ||
    echo "these are other versions than those that were looked at"

cat >origin.py <<'PY'
import http.server

BODY = b"[" + b"1,\n" * 4000 + b"1]"


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(BODY)))
        if self.path == "/kept":
            self.send_header("Cache-Control", "no-transform")
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass


Server(("127.0.0.1", 18480), Origin).serve_forever()
PY
python3 origin.py &
pids+=($!)

mkdir -p logs
cat >nginx.conf <<'CONF'
daemon off;
pid nginx.pid;
error_log stderr crit;
events {}
http {
    access_log off;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    gzip on;
    gzip_types application/json;
    server {
        listen 127.0.0.1:18481;
        location / { proxy_pass http://127.0.0.1:18480; }
    }
}
CONF
usr/sbin/nginx -p "$work" -c nginx.conf &
pids+=($!)

cat >haproxy.cfg <<'CONF'
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
listen here
    bind 127.0.0.1:18482
    compression algo gzip
    compression type application/json
    server origin 127.0.0.1:18480
CONF
usr/sbin/haproxy -q -db -f haproxy.cfg &
pids+=($!)

cat >Caddyfile <<'CONF'
{
    admin off
}
http://127.0.0.1:18483 {
    encode gzip
    reverse_proxy 127.0.0.1:18480
}
CONF
HOME=$work usr/bin/caddy run --config Caddyfile >/dev/null 2>&1 &
pids+=($!)

for port in 18480 18481 18482 18483; do
    for _ in $(seq 100); do
        curl --silent --output /dev/null "http://127.0.0.1:$port/" && break
        sleep 0.1
    done
done

coding() {
    local coding
    coding=$(curl --silent --output /dev/null --dump-header - --header 'Accept-Encoding: gzip' "http://127.0.0.1:$1$2" |
        tr -d '\r' | awk 'tolower($1) == "content-encoding:" { print $2 }')
    echo "${coding:-as it was}"
}
seen=
for proxy in nginx:18481 haproxy:18482 caddy:18483; do
    line="${proxy%:*}: $(coding "${proxy#*:}" /), with no-transform $(coding "${proxy#*:}" /kept)"
    echo "$line"
    seen+="$line;"
done
[[ $seen == "nginx: gzip, with no-transform gzip;haproxy: gzip, with no-transform as it was;caddy: gzip, with no-transform gzip;" ]] || {
    echo "this is not as described"
    exit 1
}
echo "as described"
