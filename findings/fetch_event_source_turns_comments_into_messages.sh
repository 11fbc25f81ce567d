#!/usr/bin/env bash
# npm @microsoft/fetch-event-source: a comment, which is how servers keep an idle stream open, arrives as a message without data.
#
# Guess:  a line that begins with a colon is skipped; a block that has no `data` is no message. That is what the standard says, and what
#         every EventSource does.
# Is so:  each empty line calls `onmessage`, also after a comment, a `retry:` or an `event:` alone. Code that parses `data` as JSON
#         fails at the first heartbeat.
# Ours:   handlers of clients that use it begin with `if (!data) return`; the package for the same purpose without this: eventsource-parser.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" \
    @microsoft/fetch-event-source@2.0.1 eventsource-parser@3.1.1

cat >"$work/try.mjs" <<'JS'
import http from 'node:http';
import { createParser } from 'eventsource-parser';

// The three things of a browser that it uses besides fetch.
globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
const { fetchEventSource } = await import('@microsoft/fetch-event-source');

const STREAM = ': still here\n\nretry: 3000\n\nevent: ping\n\ndata: {"n":1}\n\n';
const server = http.createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(STREAM);
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));

const seen = [];
await fetchEventSource(`http://127.0.0.1:${server.address().port}/`, { onmessage: ({ data }) => seen.push(data) });
const parsed = [];
createParser({ onEvent: ({ data }) => parsed.push(data) }).feed(STREAM);
server.close();

console.log('stream:', JSON.stringify(STREAM));
console.log('@microsoft/fetch-event-source 2.0.1:', JSON.stringify(seen));
console.log('eventsource-parser 3.1.1:           ', JSON.stringify(parsed));
const asDescribed = JSON.stringify([seen, parsed]) === JSON.stringify([['', '', '', '{"n":1}'], ['{"n":1}']]);
if (!asDescribed) console.error('this is not what was seen before');
process.exit(asDescribed ? 0 : 1);
JS
cd "$work"
node try.mjs
