#!/usr/bin/env bash
# npm @microsoft/fetch-event-source: `204 No Content`, by which a server ends an EventSource for good, makes it ask again every second.
#
# Guess:  it does what a browser's EventSource does, plus headers and POST; so 204 is the end.
# Is so:  204 has no content type, that counts as an error, and errors are retried after a second for as long as the page is open, without a
#         word to `onclose`. npm eventsource, asked the same, stops after the first.
# Ours:   an `onopen` that throws on 204, and an `onerror` that throws what it is given, end it (tried below).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" \
    @microsoft/fetch-event-source@2.0.1 eventsource@4.1.1

cat >"$work/try.mjs" <<'JS'
import http from 'node:http';
import { EventSource } from 'eventsource';

// The three things of a browser that it uses besides fetch.
globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
const { fetchEventSource } = await import('@microsoft/fetch-event-source');

let requests = 0;
const server = http.createServer((_, response) => {
    requests += 1;
    response.writeHead(204).end();
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const url = `http://127.0.0.1:${server.address().port}/`;
const fourSeconds = () => new Promise((done) => setTimeout(done, 4000));

const source = new EventSource(url);
source.onerror = () => {};
await fourSeconds();
source.close();
const ofEventSource = requests;

requests = 0;
const stop = new AbortController();
let wasClosed = false;
fetchEventSource(url, { signal: stop.signal, onclose: () => (wasClosed = true) });
await fourSeconds();
stop.abort();
const ofFetch = requests;

requests = 0;
const rethrow = (error) => {
    throw error;
};
const onopen = async (response) => {
    if (response.status === 204) throw new Error('the end');
};
await fetchEventSource(url, { onopen, onerror: rethrow }).catch(() => {});
await fourSeconds();
server.close();

console.log('requests in 4 s, each answered 204:');
console.log('eventsource 4.1.1:                 ', ofEventSource);
console.log('@microsoft/fetch-event-source 2.0.1:', ofFetch, wasClosed ? 'and closed' : 'and still at it');
console.log('the same, with both handlers:      ', requests);
const asDescribed = ofEventSource === 1 && ofFetch >= 3 && !wasClosed && requests === 1;
if (!asDescribed) console.error('this is not what was seen before');
process.exit(asDescribed ? 0 : 1);
JS
cd "$work"
node try.mjs
