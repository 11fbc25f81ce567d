// What the rehearsal runs on: three servers behind HAProxy (deploy/haproxy.cfg), a replica set of MongoDB, Redis, and somebody who
// speaks as OpenAI does. Everything is on this machine, on ports that are free.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createProvider, get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { ReplicaSet } from './mongo.mjs';

const root = resolve(import.meta.dirname, '..');
export const HOST = 'chat.example.org';

export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** The words that the provider gives to a message with `#tokens=N`. */
export const words = (tokens) => Array.from({ length: tokens }, (_, number) => `word${number + 1} `).join('');

/** Says so many words as the last message asks for (`#tokens=N`), with a pause before each (`#pause=MS`). */
async function complete(request, response) {
  let body = '';
  for await (const piece of request) body += piece;
  const { messages } = JSON.parse(body);
  const asked = JSON.stringify(messages.at(-1).content);
  const number = (name) => Number(asked.match(new RegExp(`#${name}=(\\d+)`))?.[1] ?? 3);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (delta, finish_reason) =>
    response.write(`data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'fake', choices: [{ index: 0, delta, finish_reason }] })}\n\n`);
  for (let word = 1; word <= number('tokens') && !response.destroyed; word++) {
    await sleep(number('pause'));
    send({ content: `word${word} ` }, null);
  }
  send({}, 'stop');
  response.end('data: [DONE]\n\n');
}

/** One of the servers. */
export class Server {
  constructor(number, port, folder, variables) {
    Object.assign(this, { number, port, folder, variables });
    /** Bytes that are resident, since it was started last. */
    this.memory = [];
    this.most = 0;
  }

  async start(program) {
    const log = openSync(join(this.folder, `server-${this.number}.log`), 'a');
    this.child = spawn(program, [], { cwd: this.folder, env: { ...this.variables, SITE_ADDR: `127.0.0.1:${this.port}` }, stdio: ['ignore', log, log] });
    this.memory = [];
    this.ended = once(this.child, 'exit');
    for (let tries = 0; tries < 600; tries++) {
      if (this.child.exitCode !== null) throw new Error(`server ${this.number} ended: see ${this.folder}`);
      if (await this.isReady()) return;
      await sleep(100);
    }
    throw new Error(`server ${this.number} is not ready: see ${this.folder}`);
  }

  isReady() {
    return new Promise((done) => {
      const asked = get({ host: '127.0.0.1', port: this.port, path: '/readyz', timeout: 2000 }, (answer) => {
        answer.resume();
        done(answer.statusCode === 200);
      });
      asked.on('timeout', () => asked.destroy());
      asked.on('error', () => done(false));
    });
  }

  /** Returns how long it took to end, in milliseconds. */
  async stop(signal) {
    const begun = Date.now();
    this.child.kill(signal);
    await this.ended;
    return Date.now() - begun;
  }

  sampleMemory() {
    try {
      const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
      const bytes = Number(status.match(/VmRSS:\s+(\d+)/)[1]) * 1024;
      this.memory.push(bytes);
      this.most = Math.max(this.most, bytes);
    } catch {
      // It has ended.
    }
  }
}

export class Cluster {
  static async start(program) {
    const cluster = new Cluster();
    try {
      await cluster.#start(program);
    } catch (problem) {
      await cluster.stop(true);
      throw problem;
    }
    return cluster;
  }

  async #start(program) {
    this.folder = await mkdtemp(join(tmpdir(), 'tessera-rehearsal-'));
    this.mongo = new ReplicaSet(this.folder, [await freePort(), await freePort(), await freePort()]);
    await this.mongo.start();
    const redis = await freePort();
    this.redis = spawn('redis-server', ['--port', `${redis}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], { stdio: 'ignore' });
    this.provider = createProvider((request, response) => complete(request, response).catch(() => response.destroy()));
    this.provider.listen(0, '127.0.0.1');
    await once(this.provider, 'listening');
    this.port = await freePort();
    const data = join(this.folder, 'data');
    await mkdir(data);
    this.variables = {
      PATH: process.env.PATH,
      PUBLIC_URL: `https://${HOST}:${this.port}`,
      TRUSTED_PROXIES: '127.0.0.1',
      // Images are in one folder, as on a shared disk.
      DATA_DIR: data,
      MONGODB_URI: this.mongo.uri('rehearsal'),
      REDIS_URL: `redis://127.0.0.1:${redis}`,
      CHAT_PROVIDERS: 'openai',
      OPENAI_BASE_URL: `http://127.0.0.1:${this.provider.address().port}/v1`,
      IMAGE_PROVIDERS: 'sketch',
      CHAT_CACHE: 'off',
      FREE_CREDITS: '100000',
      RATE_LIMIT_PER_MINUTE: '1000000',
      READ_LIMIT_PER_MINUTE: '1000000',
      REGISTRATIONS_PER_HOUR: '1000000',
      ATTACHMENT_QUOTA_MIB: '100000',
      RUST_LOG: 'warn',
      LOG_FORMAT: 'pretty',
    };
    this.servers = [];
    for (const number of [1, 2, 3]) this.servers.push(new Server(number, await freePort(), this.folder, this.variables));
    for (const server of this.servers) await server.start(program);
    await this.#startProxy();
  }

  async #startProxy() {
    const file = (name) => join(this.folder, name);
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
      '-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`, '-keyout', file('key.pem'), '-out', file('chain.pem')], { stdio: 'ignore' });
    this.certificate = await readFile(file('chain.pem'), 'utf8');
    await writeFile(file('fullchain-and-key.pem'), this.certificate + (await readFile(file('key.pem'), 'utf8')));
    const lines = this.servers.map(({ number, port }) => `server tessera-${number} 127.0.0.1:${port}`).join('\n    ');
    const changes = [
      ['bind :80\n', `bind 127.0.0.1:${await freePort()}\n`],
      ['bind :443 ', `bind 127.0.0.1:${this.port} `],
      ['/etc/ssl/tessera', this.folder],
      ['server tessera-1 127.0.0.1:3000', lines],
    ];
    let text = await readFile(join(root, 'deploy/haproxy.cfg'), 'utf8');
    for (const [from, to] of changes) {
      if (!text.includes(from)) throw new Error(`deploy/haproxy.cfg has no ${from}`);
      text = text.replace(from, to);
    }
    await writeFile(file('haproxy.cfg'), text);
    this.proxy = spawn('/usr/sbin/haproxy', ['-db', '-f', file('haproxy.cfg')], { stdio: 'ignore' });
    await sleep(500);
    if (this.proxy.exitCode !== null) throw new Error('HAProxy does not start: run scripts/setup.sh test first');
  }

  /** Ends all of it. What is on the disk is kept if something was wrong. */
  async stop(keep) {
    for (const server of this.servers ?? []) server.child?.kill('SIGKILL');
    for (const child of [this.proxy, this.redis]) child?.kill('SIGKILL');
    this.mongo?.stop();
    this.provider?.closeAllConnections();
    this.provider?.close();
    await sleep(500);
    if (keep) console.log(`\nWhat the servers logged is in ${this.folder}`);
    else await rm(this.folder, { recursive: true, force: true });
  }
}
