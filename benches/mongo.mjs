// A replica set of MongoDB on this machine, for the rehearsal: three members, and the few commands that it takes to make one of them and
// to let its primary step down.

import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';

const MESSAGE = 2013;

/** What commands here are made of: texts, whole numbers, truths, lists and documents. */
function encode(document) {
  const parts = Object.entries(document).map(([name, value]) => {
    const key = Buffer.from(`${name}\0`);
    if (typeof value === 'string') {
      const text = Buffer.from(`${value}\0`);
      const length = Buffer.alloc(4);
      length.writeInt32LE(text.length);
      return Buffer.concat([Buffer.from([2]), key, length, text]);
    }
    if (typeof value === 'number') {
      const number = Buffer.alloc(4);
      number.writeInt32LE(value);
      return Buffer.concat([Buffer.from([16]), key, number]);
    }
    if (typeof value === 'boolean') return Buffer.concat([Buffer.from([8]), key, Buffer.from([value ? 1 : 0])]);
    return Buffer.concat([Buffer.from([Array.isArray(value) ? 4 : 3]), key, encode({ ...value })]);
  });
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeInt32LE(body.length + 5);
  return Buffer.concat([length, body, Buffer.from([0])]);
}

/** Sends one command and returns the answer's bytes. */
function command(port, document) {
  const body = Buffer.concat([Buffer.alloc(4), Buffer.from([0]), encode({ ...document, $db: 'admin' })]);
  const header = Buffer.alloc(16);
  header.writeInt32LE(header.length + body.length, 0);
  header.writeInt32LE(1, 4);
  header.writeInt32LE(MESSAGE, 12);
  return new Promise((done, failed) => {
    const connection = createConnection(port, '127.0.0.1', () => connection.write(Buffer.concat([header, body])));
    let answer = Buffer.alloc(0);
    connection.on('data', (bytes) => {
      answer = Buffer.concat([answer, bytes]);
      if (answer.length >= 4 && answer.length >= answer.readInt32LE(0)) {
        connection.destroy();
        done(answer);
      }
    });
    connection.setTimeout(5000, () => connection.destroy(new Error('mongod does not answer')));
    connection.on('error', failed);
    connection.on('close', () => failed(new Error('mongod hung up')));
  });
}

/** Whether a member takes writes. */
async function isPrimary(port) {
  const answer = await command(port, { hello: 1 }).catch(() => Buffer.alloc(0));
  const name = Buffer.from('\x08isWritablePrimary\0');
  const at = answer.indexOf(name);
  return at >= 0 && answer[at + name.length] === 1;
}

export class ReplicaSet {
  constructor(folder, ports) {
    this.folder = folder;
    this.ports = ports;
    this.members = [];
  }

  async start() {
    for (const port of this.ports) {
      const data = join(this.folder, `mongod-${port}`);
      await mkdir(data);
      const options = ['--dbpath', data, '--logpath', join(data, 'log'), '--bind_ip', '127.0.0.1', '--port', `${port}`];
      options.push('--nounixsocket', '--wiredTigerCacheSizeGB', '0.25', '--replSet', 'rs0', '--oplogSize', '64');
      this.members.push(spawn('mongod', options, { stdio: 'ignore' }));
    }
    const members = this.ports.map((port, number) => ({ _id: number, host: `127.0.0.1:${port}` }));
    for (let tries = 0; ; tries++) {
      const begun = await command(this.ports[0], { replSetInitiate: { _id: 'rs0', members } }).then(() => true, () => false);
      if (begun) break;
      if (tries > 100) throw new Error('mongod does not start: run scripts/setup.sh test first');
      await new Promise((done) => setTimeout(done, 200));
    }
    await this.primary();
  }

  /** The port of the member that takes writes, as soon as there is one. */
  async primary() {
    for (let tries = 0; tries < 300; tries++) {
      for (const port of this.ports) if (await isPrimary(port)) return port;
      await new Promise((done) => setTimeout(done, 100));
    }
    throw new Error('the replica set has no primary');
  }

  /** Lets the primary step down. Returns how long the set had none, in milliseconds. */
  async stepDown() {
    const before = await this.primary();
    const begun = Date.now();
    await command(before, { replSetStepDown: 20, secondaryCatchUpPeriodSecs: 5 });
    await this.primary();
    return Date.now() - begun;
  }

  uri(name) {
    return `mongodb://${this.ports.map((port) => `127.0.0.1:${port}`).join(',')}/${name}?replicaSet=rs0`;
  }

  stop() {
    for (const member of this.members) member.kill('SIGKILL');
  }
}
