// Shortens what WASM and JavaScript call each other. wasm-bindgen tells the functions that it imports apart by 16 random
// hexadecimal digits each, which nothing can compress: 3.4 KB (brotli) of every first load. Numbers do as well, as both
// sides are of one build. They stay as long, so that nothing else in the files moves.
//
//   node scripts/shorten-imports.mjs target/site/pkg
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

const [folder] = process.argv.slice(2);
const numbers = new Map();
const number = (digits) => {
  if (!numbers.has(digits)) numbers.set(digits, numbers.size.toString(16).padStart(digits.length, '0'));
  return numbers.get(digits);
};

for (const name of fs.readdirSync(folder).filter((name) => /\.(js|wasm)$/.test(name)).sort()) {
  const file = path.join(folder, name);
  const before = fs.readFileSync(file, 'latin1');
  const after = before.replace(/(__wbg_\w*?_)([0-9a-f]{16})(?![0-9a-f])/g, (_, start, digits) => start + number(digits));
  if (after === before) continue;
  const bytes = Buffer.from(after, 'latin1');
  fs.writeFileSync(file, bytes);
  const brotli = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  fs.writeFileSync(`${file}.br`, zlib.brotliCompressSync(bytes, { params: brotli }));
  fs.writeFileSync(`${file}.gz`, zlib.gzipSync(bytes, { level: 9 }));
}
