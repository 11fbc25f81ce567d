// What an answer's time tells: sign-in, a new password and registration, for addresses that have an account and for those that have
// none; and what others wait while a hundred sign in at once. Printed, never asserted.
//
//     node benches/sign_in.mjs [PROGRAM] [TRIES]

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const [program = join(root, 'target/release/tessera'), many = '200'] = process.argv.slice(2);
const tries = Number(many);
const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const PASSWORD = 'correct horse battery';

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

const port = await freePort();
/** Registrations of a second server are confirmed: its mails go to its log. */
const confirming = await freePort();
const data = await mkdtemp(join(tmpdir(), 'tessera-bench-'));
const start = (at, more) => spawn(resolve(program), {
  cwd: data,
  stdio: 'ignore',
  env: {
    ...more,
    SITE_ADDR: `127.0.0.1:${at}`,
    DATA_DIR: data,
    CHAT_PROVIDERS: 'openai',
    OPENAI_BASE_URL: 'http://127.0.0.1:9/v1',
    RATE_LIMIT_PER_MINUTE: '1000000',
    REGISTRATIONS_PER_HOUR: '1000000',
    RUST_LOG: 'error',
  },
});
const server = start(port, {});
const other = start(confirming, { SIGN_UP_CONFIRM: 'true' });

/** How long an answer takes, in milliseconds, and what it is. */
function ask(method, path, body, at = port) {
  const begun = process.hrtime.bigint();
  const text = body === undefined ? '' : JSON.stringify(body);
  const headers = text === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  return new Promise((done, failed) => {
    const sent = request({ host: '127.0.0.1', port: at, method, path, headers, agent }, (answer) => {
      answer.resume();
      answer.on('end', () => done({ status: answer.statusCode, took: Number(process.hrtime.bigint() - begun) / 1e6 }));
    });
    sent.on('error', failed);
    sent.end(text);
  });
}

function part(times, share) {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

let count = 0;
const address = () => `bench-${process.pid}-${count++}@example.org`;

/** Known and unknown by turns, so that both meet the same machine. */
async function compare(name, send) {
  const times = { known: [], unknown: [] };
  const statuses = { known: new Set(), unknown: new Set() };
  for (const [number, email] of known.entries()) {
    const both = [['known', email], ['unknown', address()]];
    for (const [kind, whose] of number % 2 === 0 ? both : both.reverse()) {
      const { status, took } = await send(whose);
      times[kind].push(took);
      statuses[kind].add(status);
    }
  }
  const [one, other] = [part(times.known, 0.5), part(times.unknown, 0.5)];
  const told = [...statuses.known, '/', ...statuses.unknown].join(' ');
  console.log(`  ${name.padEnd(16)} ${one.toFixed(2).padStart(8)} ${other.toFixed(2).padStart(9)} ${(one / other).toFixed(3).padStart(7)}   ${told}`);
}

const known = [];
try {
  for (let waited = 0; waited < 200; waited++) {
    const isUp = (at) => ask('GET', '/healthz', undefined, at).then(({ status }) => status === 200, () => false);
    if ((await isUp(port)) && (await isUp(confirming))) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  for (let number = 0; number < tries; number++) {
    known.push(address());
    const { status } = await ask('POST', '/api/auth/register', { email: known.at(-1), password: PASSWORD });
    if (status !== 201) throw new Error(`registering: ${status}`);
  }
  console.log(`Medians of ${tries} (ms), with and without an account, and their ratio; the status of both`);
  console.log('                      known   unknown   ratio');
  await compare('signing in', (email) => ask('POST', '/api/auth/login', { email, password: 'wrong horse battery' }));
  await compare('a new password', (email) => ask('POST', '/api/auth/reset-password', { email }));
  await compare('a sign-in link', (email) => ask('POST', '/api/auth/sign-in-link', { email }));
  await compare('registering', (email) => ask('POST', '/api/auth/register', { email, password: PASSWORD }));
  await compare('… by a link', (email) => ask('POST', '/api/auth/register', { email }, confirming));

  const quiet = [];
  for (let number = 0; number < 300; number++) quiet.push((await ask('GET', '/healthz')).took);
  let goes = true;
  let signedIn = 0;
  const people = Array.from({ length: 100 }, async (_, number) => {
    while (goes) {
      const { status } = await ask('POST', '/api/auth/login', { email: known[number % known.length], password: PASSWORD });
      signedIn += status === 200 ? 1 : 0;
    }
  });
  const busy = [];
  const end = Date.now() + 10_000;
  while (Date.now() < end) {
    busy.push((await ask('GET', '/healthz')).took);
    await new Promise((done) => setTimeout(done, 5));
  }
  goes = false;
  await Promise.all(people);
  const line = (times) => `median ${part(times, 0.5).toFixed(2)}, p99 ${part(times, 0.99).toFixed(2)}, most ${Math.max(...times).toFixed(2)} ms`;
  console.log(`\n/healthz alone:                      ${line(quiet)}`);
  console.log(`/healthz beside 100 who sign in:     ${line(busy)} (${busy.length} asked, ${(signedIn / 10).toFixed(0)} sign-ins a second)`);
} finally {
  server.kill();
  other.kill();
  await rm(data, { recursive: true, force: true });
}
