// An OpenAI-compatible upstream for the browser tests. The message says what it does:
// `#tokens=N` so many tokens, `#pause=MS` between them, `#fail` refuse, `#cut` break off, `#markdown` a rich answer, `#odd` one that is easily read
// otherwise than it is meant, `#think=MS` think aloud for so long before it, `#attack=SEED` forty of
// payloads.mjs. The questions of samples.mjs have an answer of their own.
import { createServer } from 'node:http';
import { payloads, pieces as cut } from './payloads.mjs';
import { SAMPLES, words } from './samples.mjs';

const MARKDOWN = [
  '## A heading\n\n',
  'Some **bold** text and a [link](https://example.org/).\n\n',
  '```rust\nfn main() {\n    let answer = 42;\n}\n```\n\n',
  '| Name | Value |\n|---|---|\n| one | 1 |\n| two | 2 |\n\n',
  '<script>window.hacked = true</script> <img src=x onerror="window.hacked = true">\n\n',
  '![leak](https://evil.example/pixel.png) [click](javascript:window.hacked=true)\n',
];

const ODD = [
  '**注意：**请先', '**备份**。\n\n', 'A line\n', '-', '-- and more\n\n', 'So \\(', 'a*b*', 'c\\) and $5 and $6.\n\n',
  '\\[\n\\frac{a}', '{b} = c\n\\]\n\n', '- שלום עולם\n- left\n\n', '`code` مرحبا\n',
];

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

createServer(async (request, response) => {
  if (request.url === '/healthz') return response.end('ok');
  let body = '';
  for await (const part of request) body += part;
  const { content } = JSON.parse(body).messages.at(-1);
  // With images it comes in parts.
  const text = typeof content === 'string' ? content : content.map((part) => part.text ?? '').join(' ');
  const number = (name, otherwise) => Number(text.match(new RegExp(`#${name}=(\\d+)`))?.[1] ?? otherwise);
  if (text.includes('#fail')) {
    response.writeHead(500, { 'content-type': 'application/json' });
    return response.end('{"error":{"message":"no","type":"server_error","param":null,"code":null}}');
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const chunk = (delta, finish = null) =>
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
  const count = number('tokens', 5);
  const sample = SAMPLES.find(({ question }) => question === text);
  const plain = () => Array.from({ length: count }, (_, n) => `word${n + 1} `);
  const rich = text.includes('#markdown') ? MARKDOWN : text.includes('#odd') ? ODD : plain();
  const attack = number('attack', 0);
  const hostile = () => cut(attack, payloads(attack, 40).join('\n\n'));
  const pieces = sample ? words(sample.answer) : attack ? hostile() : rich;
  if (text.includes('#think')) {
    chunk({ reasoning_content: 'First I look. ' });
    await sleep(number('think', 0));
    chunk({ reasoning_content: 'Then I count.' });
  }
  for (const piece of pieces) {
    if (response.destroyed) return;
    await sleep(sample?.pause ?? number('pause', 5));
    chunk({ content: piece });
  }
  if (text.includes('#cut')) return response.destroy();
  chunk({}, 'stop');
  response.write('data: [DONE]\n\n');
  response.end();
}).listen(Number(process.argv[2]), '127.0.0.1');
