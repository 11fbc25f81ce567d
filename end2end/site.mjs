// A release of one's own: on free ports, with a data folder that is thrown away, over the scripted upstream.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

async function answers(url, child) {
  for (let tries = 0; tries < 300; tries++) {
    if (child.exitCode !== null) break;
    if (await fetch(url).then((response) => response.ok, () => false)) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`${url} does not answer`);
}

/** Starts the release with these variables. Resolves to its address, and to the function that stops it. */
export async function startSite(variables = {}) {
  const data = await mkdtemp(join(tmpdir(), 'tessera-'));
  const [port, upstreamPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const upstream = spawn(process.execPath, ['upstream.mjs', `${upstreamPort}`], { cwd: import.meta.dirname, stdio: 'inherit' });
  const server = spawn(join(ROOT, 'target/release/tessera'), {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env,
      SITE_ADDR: `127.0.0.1:${port}`,
      PUBLIC_URL: url,
      DATA_DIR: data,
      CHAT_PROVIDERS: 'openai,local',
      OPENAI_BASE_URL: `http://127.0.0.1:${upstreamPort}/v1`,
      OPENAI_MODEL: 'gpt-5.4-mini',
      RATE_LIMIT_PER_MINUTE: '1000',
      CHAT_CACHE: 'off',
      RUST_LOG: 'error',
      ...variables,
    },
  });
  const stop = async () => {
    for (const child of [server, upstream]) child.kill();
    await new Promise((ended) => (server.exitCode === null ? server.once('exit', ended) : ended()));
    await rm(data, { recursive: true, force: true });
  };
  try {
    await answers(`http://127.0.0.1:${upstreamPort}/healthz`, upstream);
    await answers(`${url}/healthz`, server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

/** Opens an account. Resolves to the `name=value` of its cookie, and to a function that posts JSON to the API as its user. */
export async function signUp(url, name) {
  const post = async (path, body, cookie) => {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(cookie && { cookie }) },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const email = `${name.toLowerCase()}@example.org`;
  const registered = await post('/api/auth/register', { email, password: 'correct horse battery', name });
  const cookie = registered.headers.get('set-cookie').split(';')[0];
  return { cookie, post: async (path, body) => (await post(path, body, cookie)).json() };
}
