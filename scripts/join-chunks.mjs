// Joins the chunks of the WASM into few files. The splitter makes one for every combination of pages that share code: a
// hundred, most below 1 KB, and a page took fifty of them, each with headers of its own and compressed on its own.
//
// - A page gets one file with all that it needs beside the app's own, for those who start there. What the chat loads with
//   the first key is another one.
// - Whoever comes from another page has a part of it. So chunks are also joined into parts, by who needs them, and only
//   those that are missing are loaded. No chunk is ever loaded twice: that would set its variables back.
//
// This is possible because chunks export nothing, and have their functions and data at fixed places of the app's table and
// memory, whichever file brings them. What is in one file is optimised together: calls within it need no table any more.
//
//   node scripts/join-chunks.mjs target/site/pkg target/release/hash.txt
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';

/** What comes after a page, in one file, as most people load it: with the first key in the composer, with the first image. */
const AFTER = [['chat_page', 'chat_client'], ['images_page', 'images_client'], ['images_page', 'image_page']];
/** What one more part costs, and how far code shrinks when it is compressed: both decide what is joined. */
const [FILE, RATIO] = [100, 0.35];
/** How often a page is opened for each time that something later is loaded there. */
const OPENED = 12;

const FEATURES = ['--enable-bulk-memory', '--enable-nontrapping-float-to-int', '--enable-reference-types'];
// What is flat is put together again in fewer ways. Nothing but the end of the stack is below the first KiB.
const OPTIMISE = ['--flatten', '--rereloop', '-Oz', '-Oz', '--low-memory-unused', '--strip-producers', '--strip-target-features'];
// An entry of the table never changes once it is there, so calls of a known one can be direct. Not in the app's own file:
// where a module has a table itself, Binaryen takes calls of what is not there yet, like all of the pages, for a trap.
const DIRECT = ['--directize', '--pass-arg=directize-initial-contents-immutable'];

const [folder, hashFile] = process.argv.slice(2);
const hashes = Object.fromEntries(fs.readFileSync(hashFile, 'utf8').trim().split('\n').map((line) => line.split(': ')));
const named = (start, kind, end) => path.join(folder, `${start}.${hashes[kind]}.${end}`);
const files = {
  wasm: named('tessera', 'wasm', 'wasm'),
  js: named('tessera', 'js', 'js'),
  split: named('__wasm_split', 'split', 'js'),
  manifest: named('__wasm_split_manifest', 'manifest', 'json'),
};
const needs = JSON.parse(fs.readFileSync(files.manifest, 'utf8'));
const splits = Object.keys(needs);
const isPage = (split) => split.endsWith('_page');
const chunks = [...new Set(Object.values(needs).flat())];
const fileOf = (name) => path.join(folder, `${name}.wasm`);
const digest = (...contents) => contents.reduce((hash, bytes) => hash.update(bytes), createHash('md5')).digest('base64url');
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'join-chunks-'));
const run = (tool, ...args) => execFileSync(tool, args, { encoding: 'utf8', maxBuffer: 1 << 30 });

/** Joins two groups of chunks at a time, as long as what people load becomes less. The first goes into the app's file. */
function groupsOfChunks() {
  const visits = splits.filter(isPage).flatMap((page) => [
    { loads: [page], times: OPENED },
    ...splits.filter((split) => !isPage(split)).map((late) => ({ loads: [page, late], times: 1 })),
  ]);
  const cost = ({ size, visited }) =>
    (size + FILE) * visits.reduce((sum, { times }, at) => sum + (visited[at] ? times : 0), 0);
  const groups = [{ chunks: [], size: 0, visited: visits.map(() => true) }];
  for (const chunk of chunks) {
    const visited = visits.map(({ loads }) => loads.some((split) => needs[split].includes(chunk)));
    groups.push({ chunks: [chunk], size: fs.statSync(fileOf(chunk)).size * RATIO, visited });
  }
  for (;;) {
    let best = { saved: 0 };
    groups.forEach((a, i) => groups.forEach((b, j) => {
      if (j <= i) return;
      const visited = a.visited.map((is, at) => is || b.visited[at]);
      const both = { chunks: [...a.chunks, ...b.chunks], size: a.size + b.size, visited };
      const saved = cost(a) + cost(b) - cost(both);
      if (saved > best.saved) best = { saved, i, j, both };
    }));
    if (!best.both) return groups.map((group) => group.chunks);
    groups.splice(best.j, 1);
    groups[best.i] = best.both;
  }
}

/** A module that only hands on what the chunks import: without it each would bring a memory and a table of its own. */
function writeDoor() {
  const lines = new Map();
  for (const chunk of chunks) {
    const module = new WebAssembly.Module(fs.readFileSync(fileOf(chunk)));
    const imports = WebAssembly.Module.imports(module);
    if (WebAssembly.Module.exports(module).length > 0 || imports.some(({ module }) => module !== '__wasm_split')) {
      throw new Error(`${chunk} is not to be joined: it exports something, or imports from elsewhere than the app`);
    }
    if (imports.every(({ name }) => lines.has(name))) continue;
    const text = run('wasm-dis', ...FEATURES, fileOf(chunk));
    for (const [, name, kind, type] of text.matchAll(/^ \(import "__wasm_split" "(\w+)" \((\w+) \S+ (.*)\)\)$/gm)) {
      lines.set(name, `(import "app" "${name}" (${kind} $${name} ${type})) (export "${name}" (${kind} $${name}))`);
    }
  }
  const door = path.join(work, 'door.wat');
  fs.writeFileSync(door, `(module ${[...lines.values()].join('\n')})`);
  return door;
}

function joined(first, group, ...optimise) {
  const file = path.join(work, 'joined.wasm');
  run('wasm-merge', ...FEATURES, first, '__wasm_split', ...group.flatMap((chunk) => [fileOf(chunk), chunk]), '-o', file);
  if (optimise.length > 0) run('wasm-opt', ...FEATURES, ...optimise, file, '-o', file);
  return fs.readFileSync(file);
}

const [ofTheApp, ...groups] = groupsOfChunks();
const door = writeDoor();
// Numbers rather than names: the app's script would have to list them.
const loaded = [];
const write = (group, ...optimise) => loaded.push(joined(door, group, ...optimise)) - 1;
const parts = groups.map((group) => write(group));
const partsOf = (split) => parts.filter((part) => groups[part].some((chunk) => needs[split].includes(chunk)));
const bundle = (split, there = []) => {
  const of = partsOf(split).filter((part) => !there.includes(part));
  return { split, of, number: write(of.flatMap((part) => groups[part]), ...DIRECT, ...OPTIMISE) };
};
const pages = splits.filter(isPage).map((page) => bundle(page));
const afterwards = AFTER.map(([page, split]) => bundle(split, partsOf(page)));
const bundles = [...pages, ...afterwards];

// Short names for what WASM and JavaScript call each other (see shorten-imports.mjs), and no entries of nothing where the
// functions of chunks will be.
const loader = `./${path.basename(files.split)}`;
const shorten = (text) => text.replace(/__wbg_\w*?_0{12}([0-9a-f]{4})(?![0-9a-f])/g, '_$1')
  .replaceAll(`"${loader}"`, '"split"').replaceAll('"./tessera_bg.js"', '"js"');
const app = path.join(work, 'app.wat');
const nothing = /^ \(elem \S+ (\(table \S+\) )?\(i32\.const \d+\) (func|funcref( \(item \(ref\.null nofunc\)\))+)\)\n/gm;
fs.writeFileSync(app, shorten(run('wasm-dis', files.wasm)).replace(nothing, ''));
fs.writeFileSync(files.wasm, joined(app, ofTheApp, ...OPTIMISE));

// The app's script loads chunks itself: the splitter's loader would be one more file of every page.
// A failure is told once nothing is on its way any more: who tries again then asks for all that is missing anew.
const loads = splits.map((split) => [split, `__wasm_split_load_${split}`]);
const splitter = fs.readFileSync(files.split, 'utf8');
const imports = new RegExp(`import\\*as \\w+ from"${loader.replaceAll('.', '\\.')}";`, 'g');
const script = fs.readFileSync(files.js, 'utf8');
const exported = script.match(/export\{.*?(\w+) as initSync\b/)?.[1];
if (!loads.every(([, name]) => splitter.includes(`${name} = wrapAsyncCb(makeLoad(`)) || !imports.test(script) || !exported) {
  throw new Error('an unknown loader');
}
fs.writeFileSync(files.js, `${shorten(script.replace(imports, '')).replace(/("split":\w+,?)+/, 'split')}
const file = (number) => {
let loaded;
return () => (loaded ??= WebAssembly.instantiateStreaming(
fetch(new URL(\`./part.\${number}.${hashes.js}.wasm\`, import.meta.url)), { app: ${exported}() }
).catch((error) => {
loaded = undefined;
throw error;
}));
};
const parts = [...Array(${parts.length}).keys()].map(file);
const bundles = ${JSON.stringify(bundles.map(({ of }) => of))};
const wholes = bundles.map((_, at) => file(${parts.length} + at));
const chosen = [];
const load = (...needed) => async (callback, data) => {
const missing = needed.filter((part) => !chosen[part]);
const whole = wholes[bundles.findIndex((bundle) => \`\${bundle}\` === \`\${missing}\`)];
for (const part of missing) chosen[part] = whole ?? parts[part];
const loads = await Promise.allSettled([...new Set(needed.map((part) => chosen[part]))].map((file) => file()));
const failed = loads.find(({ status }) => status === 'rejected');
if (failed) console.error(failed.reason);
${exported}().__indirect_function_table.get(callback)(data, !failed);
};
const split = {
${loads.map(([split, name]) => `${name}: load(${partsOf(split)}),`).join('\n')}
};
`);
for (const stale of [files.split, ...chunks.map(fileOf)]) {
  for (const end of ['', '.br', '.gz']) fs.rmSync(stale + end, { force: true });
}
fs.rmSync(work, { recursive: true });

const nameOf = (number) => `part.${number}.${hashes.js}`;
const preloads = pages.map(({ split, number }) => [split, [nameOf(number)]]);
const later = [...parts, ...afterwards.map(({ number }) => number)].map(nameOf);
fs.writeFileSync(files.manifest, JSON.stringify({ ...Object.fromEntries(preloads), later }));

// They have the names of what they were, and name each other: so all get a new one, of all of them.
const kept = [files.wasm, files.js, files.manifest];
const hash = digest(...kept.map((file) => fs.readFileSync(file)), ...loaded);
const renamed = (text) => ['wasm', 'js', 'manifest'].reduce((text, kind) => text.replaceAll(hashes[kind], hash), text);
const written = loaded.map((bytes, number) => {
  fs.writeFileSync(fileOf(renamed(nameOf(number))), bytes);
  return fileOf(renamed(nameOf(number)));
});
for (const file of kept) {
  for (const end of ['', '.br', '.gz']) if (fs.existsSync(file + end)) fs.renameSync(file + end, renamed(file + end));
  fs.writeFileSync(renamed(file), renamed(fs.readFileSync(renamed(file), 'latin1')), 'latin1');
  written.push(renamed(file));
}
fs.writeFileSync(hashFile, renamed(fs.readFileSync(hashFile, 'utf8').replace(/^split: .*\n?/m, '')));
for (const file of written) {
  const bytes = fs.readFileSync(file);
  const brotli = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  fs.writeFileSync(`${file}.br`, zlib.brotliCompressSync(bytes, { params: brotli }));
  fs.writeFileSync(`${file}.gz`, zlib.gzipSync(bytes, { level: 9 }));
}
