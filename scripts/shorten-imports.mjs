// Shortens what WASM and JavaScript call each other. wasm-bindgen tells the functions that it imports apart by 16 random
// hexadecimal digits each, which nothing can compress: 3.4 KB (brotli) of every first load. Numbers do as well, as both
// sides are of one build. They stay as long, so that nothing else in the files moves.
//
// And covers where the sources lay on the machine that built them, which messages of panics have in them: nobody is told
// the paths of that machine. Here, too, nothing moves.
//
//   node scripts/shorten-imports.mjs target/site/pkg
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import os from 'node:os';

const [folder] = process.argv.slice(2);
const numbers = new Map();
const number = (digits) => {
  if (!numbers.has(digits)) numbers.set(digits, numbers.size.toString(16).padStart(digits.length, '0'));
  return numbers.get(digits);
};

// The longest first: one may lie in another.
const cargo = process.env.CARGO_HOME ?? path.join(os.homedir(), '.cargo');
const registries = path.join(cargo, 'registry', 'src');
const sources = fs.existsSync(registries) ? fs.readdirSync(registries).map((name) => path.join(registries, name)) : [];
const places = [...sources, cargo, process.cwd(), os.homedir()]
  .filter((place) => place.length > 1)
  .sort((a, b) => b.length - a.length)
  .map((place) => Buffer.from(`${place}/`).toString('latin1'));
const cover = (text) => places.reduce((text, place) => text.replaceAll(place, '/'.repeat(place.length)), text);

for (const name of fs.readdirSync(folder).filter((name) => /\.(js|wasm)$/.test(name)).sort()) {
  const file = path.join(folder, name);
  const before = fs.readFileSync(file, 'latin1');
  const after = cover(before).replace(
    /(__wbg_\w*?_)([0-9a-f]{16})(?![0-9a-f])/g,
    (_, start, digits) => start + number(digits),
  );
  if (after === before) continue;
  const bytes = Buffer.from(after, 'latin1');
  fs.writeFileSync(file, bytes);
  const brotli = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  fs.writeFileSync(`${file}.br`, zlib.brotliCompressSync(bytes, { params: brotli }));
  fs.writeFileSync(`${file}.gz`, zlib.gzipSync(bytes, { level: 9 }));
}
