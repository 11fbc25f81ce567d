#!/usr/bin/env bash
# OpenAI's and Anthropic's clients for Node: a response that takes eight minutes to begin is asked for three times and never read.
#
# Guess:  both time out after 10 minutes, as their manuals say and `client.timeout` shows; so a reply that is there after 8 is received.
# Is so:  the `fetch` of Node itself gives up when no header has come for 5 minutes. The clients count that as a lost connection and ask
#         again, twice; after 15 minutes the caller gets an error, and the server has worked three times. None of the three requests
#         has an `Idempotency-Key`. Once headers are sent, white space now and then keeps the response alive, and is legal before JSON.
# Ours:   a response that is not there after 15 s begins then, with white space each 15 s, also where nothing is streamed.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" openai@7.59.0 @anthropic-ai/sdk@1.14.0

cat >"$work/try.mjs" <<'JS'
import http from 'node:http';

// All clocks run about fifty times as fast, also that of fetch, which is set up when it is first used and ticks each 499 ms.
const FASTER = 49.9;
const timer = globalThis.setTimeout;
globalThis.setTimeout = (act, delay = 0, ...rest) => timer(act, delay / FASTER, ...rest);
const { default: OpenAI } = await import('openai');
const { default: Anthropic } = await import('@anthropic-ai/sdk');

const MINUTE = 60_000;
const chat = {
    id: '1', object: 'chat.completion', created: 1, model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
};
const message = {
    id: '1', type: 'message', role: 'assistant', model: 'm', content: [{ type: 'text', text: 'hello' }],
    stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 },
};

const asked = {};
let withKey = 0;
const server = http.createServer((request, response) => {
    request.resume();
    const [, place, which] = request.url.split('/');
    (asked[`${place}/${which}`] ??= []).push(performance.now());
    withKey += 'idempotency-key' in request.headers ? 1 : 0;
    const timers = [];
    const begin = () => response.writeHead(200, { 'content-type': 'application/json' });
    for (let at = 0.25; place === 'early' && at < 8; at += 0.25) {
        timers.push(setTimeout(() => (response.headersSent ? response : begin()).write(' '), at * MINUTE));
    }
    const answer = JSON.stringify(which === 'openai' ? chat : message);
    timers.push(setTimeout(() => (response.headersSent ? response : begin()).end(answer), 8 * MINUTE));
    response.on('close', () => timers.forEach(clearTimeout));
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));

const messages = [{ role: 'user', content: 'Hi' }];
async function outcome(place, which) {
    const options = { apiKey: 'none', baseURL: `http://127.0.0.1:${server.address().port}/${place}/${which}` };
    const client = which === 'openai' ? new OpenAI(options) : new Anthropic(options);
    if (client.timeout !== 10 * MINUTE) throw new Error('another time-out than the manual says');
    try {
        if (which === 'openai') return (await client.chat.completions.create({ model: 'm', messages })).choices[0].message.content;
        return (await client.messages.create({ model: 'm', max_tokens: 9, messages })).content[0].text;
    } catch (error) {
        return error.constructor.name;
    }
}

console.log(`openai 7.59.0, @anthropic-ai/sdk 1.14.0, Node.js ${process.version}; the reply is there after 8 minutes`);
const cases = ['late', 'early'].flatMap((place) => ['openai', 'anthropic'].map((which) => [place, which]));
const outcomes = await Promise.all(cases.map((one) => outcome(...one)));
let asDescribed = withKey === 0;
for (const [at, [place, which]] of cases.entries()) {
    const times = asked[`${place}/${which}`];
    const gaps = times.slice(1).map((time, before) => ((time - times[before]) * FASTER) / MINUTE);
    const minutes = gaps.map((gap) => `, ${gap.toFixed(1)} minutes later`).join('');
    const name = place === 'late' ? 'silent until then' : 'white space before';
    console.log(`${which.padEnd(9)} ${name.padEnd(18)} ${outcomes[at]}; requests: ${times.length}${minutes}`);
    asDescribed &&= outcomes[at] === (place === 'late' ? 'APIConnectionTimeoutError' : 'hello');
    asDescribed &&= times.length === (place === 'late' ? 3 : 1) && gaps.every((gap) => gap > 4.5 && gap < 7);
}
if (!asDescribed) console.error('this is not what was seen before');
process.exit(asDescribed ? 0 : 1);
JS
cd "$work"
node try.mjs
