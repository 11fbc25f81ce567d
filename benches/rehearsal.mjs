// Three servers behind a proxy, with MongoDB and Redis, under mixed load, while one is killed, Redis freezes, the primary of MongoDB
// steps down and all servers are restarted one after another. Prints figures; exits with 1 if an answer was lost or anything was not
// charged exactly once.
//
//     node benches/rehearsal.mjs [MINUTES] [PROGRAM] [PROGRAM_AFTER]
//
// The rolling restart starts PROGRAM_AFTER: a newer version, for a rolling upgrade. PEOPLE (24) use it at the same time.

import { spawnSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';

import { Cluster, sleep } from './cluster.mjs';
import { Person, Tally } from './people.mjs';

const root = resolve(import.meta.dirname, '..');
const [minutes = '15', program = join(root, 'target/release/tessera'), after = program] = process.argv.slice(2);
const length = Number(minutes) * 60_000;
const people = Number(process.env.PEOPLE ?? 24);

const part = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const median = (values) => part([...values].sort((a, b) => a - b), 0.5);
const mib = (bytes) => (bytes / 1024 / 1024).toFixed(0);

/** How much larger a server is at the end of its life than after its first quarter. */
function growth({ memory }) {
  const settled = memory.slice(Math.floor(memory.length / 4));
  const tenth = Math.max(1, Math.floor(settled.length / 10));
  const [first, last] = [median(settled.slice(0, tenth)), median(settled.slice(-tenth))];
  return `${mib(first)} → ${mib(last)} MiB (${(((last - first) / first) * 100).toFixed(1)}%)`;
}

/** What goes wrong, and when, as parts of the whole time. */
function faults(cluster, begun) {
  const [first] = cluster.servers;
  const until = (share) => sleep(begun + length * share - Date.now());
  const say = (text) => console.log(`  ${(((Date.now() - begun) / length) * 100).toFixed(0).padStart(3)}%  ${text}`);
  const grown = [];
  return {
    grown,
    run: async () => {
      await until(0.15);
      await first.stop('SIGKILL');
      say('server 1 was killed (kill -9)');
      await sleep(Math.min(10_000, length * 0.05));
      await first.start(resolve(program));
      say('server 1 is back');
      await until(0.3);
      cluster.redis.kill('SIGSTOP');
      say('Redis is frozen');
      await sleep(Math.min(20_000, length * 0.1));
      cluster.redis.kill('SIGCONT');
      say('Redis goes on');
      await until(0.45);
      say(`the primary stepped down; the next was there after ${await cluster.mongo.stepDown()} ms`);
      await until(0.7);
      for (const server of cluster.servers) {
        grown.push(`server ${server.number}: ${growth(server)}, at most ${mib(server.most)} MiB`);
        const took = await server.stop('SIGTERM');
        await server.start(resolve(after));
        say(`server ${server.number} was restarted; it took ${took} ms to end`);
        await sleep(5000);
      }
    },
  };
}

function report(tally, charges, begun, seconds) {
  const line = (name, times) => {
    const sorted = [...times].sort((a, b) => a - b);
    const columns = [sorted.length, part(sorted, 0.5), part(sorted, 0.95), part(sorted, 0.99), sorted.at(-1)];
    console.log(`  ${name.padEnd(12)} ${columns.map((number) => String(number ?? '–').padStart(8)).join('')}`);
  };
  console.log('\n  milliseconds    count     p50     p95     p99    most   (from the first try to the end, tries again included)');
  for (const [kind, times] of [...tally.times].sort()) line(kind, times);
  line('first token', tally.firstTokens);
  const count = [...tally.times.values()].reduce((sum, times) => sum + times.length, 0);
  console.log(`\n${(count / seconds).toFixed(1)} pieces of work a second; ${charges} charges`);
  const trouble = [...tally.trouble].sort().map(([name, kinds]) => `${name} (${kinds.length})`);
  for (const { kind, begun: at, took } of tally.slow) {
    console.log(`Slow: ${kind}, begun at ${(((at - begun) / length) * 100).toFixed(1)}%, took ${(took / 1000).toFixed(1)} s`);
  }
  console.log(`Tried again because of: ${trouble.join(', ') || 'nothing'}`);
}

const begunAll = Date.now();
const cluster = await Cluster.start(resolve(program));
let failed = true;
try {
  const version = (of) => spawnSync(resolve(of), ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`${version(program)}${after === program ? '' : ` → ${version(after)}`}`);
  console.log(`${people} people for ${minutes} minutes; everything on one machine: ${cpus().length} × ${cpus()[0].model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`);
  const tally = new Tally();
  const crowd = Array.from({ length: people }, () => new Person(cluster.port, cluster.certificate, tally));
  for (const person of crowd) await person.register();
  const begun = Date.now();
  const memory = setInterval(() => cluster.servers.forEach((server) => server.sampleMemory()), 1000);
  const plan = faults(cluster, begun);
  let goes = true;
  const living = Promise.all(crowd.map((person) => person.live(() => goes)));
  await Promise.all([living, plan.run().then(() => sleep(begun + length - Date.now())).finally(() => (goes = false))]);
  const seconds = (Date.now() - begun) / 1000;
  clearInterval(memory);
  const wrong = [...tally.lost];
  let charges = 0;
  for (const person of crowd) {
    const settled = await person.settleUp();
    wrong.push(...settled.wrong);
    charges += settled.charges;
  }
  report(tally, charges, begun, seconds);
  console.log('Memory from the first quarter of its life to the rolling restart, of');
  for (const line of plan.grown) console.log(`  ${line}`);
  const audit = spawnSync(resolve(after), ['audit'], { cwd: cluster.folder, env: cluster.variables, encoding: 'utf8' });
  console.log(`tessera audit: ${audit.stdout.trim()}${audit.stderr.trim()}`);
  if (audit.status !== 0) wrong.push('the audit');
  console.log(`Lost answers: ${tally.lost.length}; wrong charges: ${wrong.length - tally.lost.length}`);
  for (const line of wrong) console.log(`  ${line}`);
  failed = wrong.length > 0;
} finally {
  await cluster.stop(failed);
}
console.log(`${failed ? 'FAILED' : 'ok'} after ${((Date.now() - begunAll) / 60_000).toFixed(1)} minutes`);
process.exit(failed ? 1 : 0);
