// Somebody who uses the cluster of the rehearsal: chats, streams, makes images, reads pages, signs in, and calls /v1 with a key. What did
// not work is tried again with the same Idempotency-Key, as a good client does, until it is there: what is never there is lost.

import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:https';

import { HOST, sleep, words } from './cluster.mjs';

const PASSWORD = 'correct horse battery';
const PAGES = ['/', '/chat', '/dashboard', '/images', '/account', '/buy-credits'];
const PATIENCE = 90_000;
/** What takes longer, in milliseconds, is told with the moment when it began. */
const SLOW = 10_000;
const IMAGE_PRICE = 2;

/** What came of the work of all: times by kind, what was in the way, what was lost. */
export class Tally {
  constructor() {
    this.times = new Map();
    this.firstTokens = [];
    this.trouble = new Map();
    this.slow = [];
    this.lost = [];
  }

  add(map, name, value) {
    const known = map.get(name) ?? [];
    known.push(value);
    map.set(name, known);
  }
}

/** Something that is worth another try. */
class Trouble extends Error {}

export class Person {
  constructor(port, certificate, tally) {
    this.port = port;
    this.tally = tally;
    this.agent = new Agent({ keepAlive: true, maxSockets: 8, ca: certificate, servername: HOST, localAddress: '127.0.0.2' });
    this.email = `${randomUUID()}@example.org`;
    /** Replies by their id, as they arrived. */
    this.replies = new Map();
    this.conversations = new Set();
    this.owes = 0;
    this.turns = 0;
  }

  /** One request. With `event`, each event of the answer goes there. */
  ask(method, path, { body, headers = {}, event } = {}) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const sent = { host: `${HOST}:${this.port}`, origin: `https://${HOST}:${this.port}`, ...headers };
    if (this.cookie && !sent.authorization) sent.cookie = this.cookie;
    if (text !== undefined) Object.assign(sent, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    return new Promise((done, failed) => {
      const asked = request({ host: '127.0.0.1', port: this.port, method, path, headers: sent, agent: this.agent, timeout: 60_000 }, (answer) => {
        const pieces = [];
        let rest = '';
        answer.on('data', (piece) => {
          if (!event || !answer.headers['content-type']?.startsWith('text/event-stream')) return pieces.push(piece);
          rest += piece;
          const whole = rest.split('\n\n');
          rest = whole.pop();
          for (const part of whole) {
            const field = (name) => part.split('\n').find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
            if (field('data') !== undefined) event(field('event'), JSON.parse(field('data')));
          }
        });
        answer.on('end', () => done({ status: answer.statusCode, headers: answer.headers, bytes: Buffer.concat(pieces) }));
        answer.on('error', () => failed(new Trouble('cut')));
      });
      asked.on('timeout', () => asked.destroy(new Trouble('timeout')));
      asked.on('error', (problem) => failed(problem instanceof Trouble ? problem : new Trouble(problem.code ?? problem.message)));
      asked.end(text);
    });
  }

  /** The JSON of an answer that is a success. */
  async json(method, path, options, expected = 200) {
    const { status, bytes } = await this.ask(method, path, options);
    if (status !== expected) throw new Trouble(`${status} ${path.split('/').slice(1, 3).join('/')}`);
    const value = JSON.parse(bytes.toString());
    // What takes long has a status before it has an end.
    if (value.success === false || value.error) throw new Trouble(`200 ${value.code ?? value.error.code}`);
    return value.data ?? value;
  }

  async register() {
    const body = { email: this.email, password: PASSWORD, name: 'Ada' };
    const { status, headers } = await this.ask('POST', '/api/auth/register', { body });
    if (status !== 201) throw new Error(`registering: ${status}`);
    this.keepCookies(headers);
    this.key = (await this.json('POST', '/api/account/keys', { body: { name: 'rehearsal' } }, 201)).key;
  }

  keepCookies(headers) {
    const jar = new Map((this.cookie ?? '').split('; ').filter(Boolean).map((pair) => pair.split(/=(.*)/s)));
    for (const line of headers['set-cookie'] ?? []) {
      const [name, value] = line.split(';')[0].split(/=(.*)/s);
      jar.set(name, value);
    }
    this.cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** Uses the site until it is told to stop. */
  async live(goes) {
    const kinds = [['chat', 25], ['stream', 35], ['v1', 15], ['page', 16], ['image', 3], ['sign-in', 6]];
    while (goes()) {
      let pick = Math.random() * 100;
      const [kind] = kinds.find(([, share]) => (pick -= share) < 0);
      await this.work(kind);
      await sleep(300 + Math.random() * 1200);
    }
  }

  /** One piece of work, tried until it is there. */
  async work(kind) {
    const begun = Date.now();
    const key = randomUUID();
    const tokens = 10 + Math.floor(Math.random() * 50);
    const message = `Say some words. #tokens=${tokens} #pause=20`;
    // The same body each time, or the key would be refused.
    const body = this.turns++ % 15 === 0 ? { message } : { message, conversationId: this.conversation };
    for (let pause = 250; ; pause = Math.min(pause * 2, 4000)) {
      try {
        await this.#once(kind, { key, body, text: words(tokens).trim(), begun });
        const took = Date.now() - begun;
        this.tally.add(this.tally.times, kind, took);
        if (took > SLOW) this.tally.slow.push({ kind, begun, took });
        return;
      } catch (problem) {
        this.tally.add(this.tally.trouble, problem.message, kind);
        if (!(problem instanceof Trouble) || Date.now() - begun > PATIENCE) {
          this.tally.lost.push(`${kind} of ${this.email} (${key}): ${problem.message}`);
          return;
        }
      }
      await sleep(pause);
    }
  }

  async #once(kind, { key, body, text, begun }) {
    const headers = { 'idempotency-key': key };
    if (kind === 'chat') {
      const { reply, messageId, conversationId, credits } = await this.json('POST', '/api/chat', { body, headers });
      this.#received(messageId, conversationId, reply, text, credits);
    } else if (kind === 'stream') {
      await this.#stream(headers, body, text, begun);
    } else if (kind === 'v1') {
      const asked = { model: 'tessera', messages: [{ role: 'user', content: body.message }] };
      const answer = await this.json('POST', '/v1/chat/completions', { body: asked, headers: { ...headers, authorization: `Bearer ${this.key}` } });
      if (answer.choices[0].message.content.trim() !== text) throw new Error(`not the whole answer: ${JSON.stringify(answer)}`);
      this.owes += answer.tessera.credits;
    } else if (kind === 'image') {
      const image = await this.json('POST', '/api/image', { body: { prompt: body.message, aspectRatio: '1:1' }, headers: { ...headers, prefer: 'wait' } });
      for (let tries = 0; ; tries++) {
        const file = await this.ask('GET', image.imageUrl).catch(() => undefined);
        if (file?.status === 200 && file.bytes.subarray(1, 4).toString() === 'PNG') break;
        if (tries > 20) throw new Error(`no file of the image ${image.id}: ${file?.status}`);
        await sleep(1000);
      }
      this.owes += IMAGE_PRICE;
    } else if (kind === 'page') {
      const path = PAGES[Math.floor(Math.random() * PAGES.length)];
      const { status, bytes } = await this.ask('GET', path, { headers: { accept: 'text/html' } });
      if (status !== 200 || !bytes.toString().includes('</html>')) throw new Trouble(`${status} page`);
    } else {
      const { status, headers: answered } = await this.ask('POST', '/api/auth/login', { body: { email: this.email, password: PASSWORD } });
      if (status !== 200) throw new Trouble(`${status} login`);
      this.keepCookies(answered);
    }
  }

  async #stream(headers, body, text, begun) {
    let [id, conversation, said, end] = [undefined, undefined, '', undefined];
    const event = (name, data) => {
      if (name === 'start') [id, conversation] = [data.messageId, data.conversationId];
      if (name === 'token') {
        if (said === '') this.tally.firstTokens.push(Date.now() - begun);
        said += data.text;
      }
      if (name === 'done' || name === 'error') end = { name, ...data };
    };
    const { status } = await this.ask('POST', '/api/chat', { body, headers: { ...headers, accept: 'text/event-stream' }, event });
    if (status !== 200) throw new Trouble(`${status} api/chat stream`);
    if (end?.name !== 'done') throw new Trouble(end ? `stream: ${end.code}` : 'stream: no end');
    this.#received(id, conversation, end.reply ?? said, text, end.credits);
  }

  #received(id, conversation, reply, text, credits) {
    if (reply.trim() !== text) throw new Error(`not the whole answer of ${id}: ${reply}`);
    this.replies.set(id, text);
    this.conversations.add(conversation);
    this.conversation = conversation;
    this.owes += credits;
  }

  /** Compares what arrived with the ledger and with what is stored. Returns what is wrong, and how many were charged. */
  async settleUp() {
    const wrong = [];
    let balance;
    for (let tries = 0; tries < 60; tries++) {
      balance = await this.json('GET', '/api/credits');
      if (balance.held === 0) break;
      await sleep(1000);
    }
    if (balance.held !== 0) wrong.push(`${this.email}: ${balance.held} credits are still held`);
    const ledger = (await this.ask('GET', '/api/credits/ledger?format=csv')).bytes.toString();
    const lines = ledger.trim().split('\r\n').map((line) => line.split(','));
    const [work, kind, amount] = ['workId', 'kind', 'amount'].map((name) => lines[0].indexOf(name));
    const charges = lines.slice(1).filter((line) => line[kind] === 'settle');
    const seen = new Set();
    for (const line of charges) {
      if (seen.has(line[work])) wrong.push(`${this.email}: ${line[work]} was charged twice`);
      seen.add(line[work]);
    }
    const charged = -charges.reduce((sum, line) => sum + Number(line[amount]), 0);
    if (charged !== this.owes) wrong.push(`${this.email}: charged ${charged} for what costs ${this.owes}`);
    for (const id of this.conversations) {
      const { messages } = await this.json('GET', `/api/conversations/${id}?limit=100`);
      for (const { id: message, state, content } of messages) {
        if (state === 'running') wrong.push(`${this.email}: ${message} has no end`);
        if (this.replies.has(message) && content.trim() !== this.replies.get(message)) wrong.push(`${this.email}: ${message} is not stored as it was told`);
      }
    }
    return { wrong, charges: charges.length };
  }
}
