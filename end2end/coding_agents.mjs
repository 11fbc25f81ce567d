// Coding agents make a small edit in a repository through the release, over a scripted model, and what each answer says it cost is
// what the ledger says. An answer breaks off once: it is free, and they ask again. What a budget forbids they show:
//
//     make build && node end2end/coding_agents.mjs
//
// Run by hand: the agents are large (npm fetches 1 GB). They get a home that is thrown away and can reach this machine only.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as send } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signUp, startSite } from './site.mjs';

const MODEL = 'agent-model';
const PROMPT = 'Rename the function total to sum_of in prices.py.';
const BEFORE = 'def total(prices):\n    return sum(prices)\n';
const AFTER = BEFORE.replace('total', 'sum_of');
const folder = mkdtempSync(join(tmpdir(), 'agents-'));

// What the model calls one after the other, by the tools that an agent brings; then it says that it is done.
const plan = (repository) => {
  const path = join(repository, 'prices.py');
  const edit = `sed -i s/total/sum_of/ ${path}`;
  return {
    Edit: [
      ['Read', { file_path: path }],
      ['Edit', { file_path: path, old_string: 'def total(', new_string: 'def sum_of(' }],
    ],
    edit: [
      ['read', { filePath: path }],
      ['edit', { filePath: path, oldString: 'def total(', newString: 'def sum_of(' }],
    ],
    exec_command: [['exec_command', { cmd: `cat ${path}` }], ['exec_command', { cmd: edit }]],
    shell: [['shell', { command: ['cat', path] }], ['shell', { command: ['bash', '-c', edit] }]],
    shell_command: [['shell_command', { command: `cat ${path}` }], ['shell_command', { command: edit }]],
  };
};

const AGENTS = {
  // Chat completions
  opencode: {
    package: 'opencode-ai@1.18.33',
    // One of them for a title.
    tries: 2,
    command: ['opencode', 'run', '--model', `tessera/${MODEL}`, PROMPT],
    variables: (url, key, home) => {
      const options = { baseURL: `${url}/v1`, apiKey: key };
      const models = { [MODEL]: { limit: { context: 200_000, output: 32_768 } } };
      const tessera = { npm: '@ai-sdk/openai-compatible', options, models };
      const small_model = `tessera/${MODEL}`;
      writeFileSync(join(home, 'opencode.json'), JSON.stringify({ provider: { tessera }, small_model, share: 'disabled' }));
      return {
        OPENCODE_CONFIG: join(home, 'opencode.json'),
        OPENCODE_DISABLE_AUTOUPDATE: '1',
        OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
        OPENCODE_DISABLE_MODELS_FETCH: '1',
      };
    },
  },
  // Messages
  'claude-code': {
    package: '@anthropic-ai/claude-code@2.1.332',
    tries: 1,
    command: ['claude', '-p', PROMPT, '--model', MODEL, '--permission-mode', 'acceptEdits'],
    variables: (url, key, home) => ({
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: key,
      CLAUDE_CONFIG_DIR: join(home, '.claude'),
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      DISABLE_ERROR_REPORTING: '1',
      DISABLE_TELEMETRY: '1',
    }),
  },
  // Responses
  codex: {
    package: '@openai/codex@0.171.0',
    // It does not read x-should-retry, and asks again after a 402 (findings/codex_asks_again_after_what_cannot_work.sh).
    tries: 6,
    command: ['codex', 'exec', '--sandbox', 'danger-full-access', PROMPT],
    variables: (url, key, home) => {
      const lines = [
        `model = "${MODEL}"`,
        'model_provider = "tessera"',
        'check_for_update_on_startup = false',
        '[analytics]',
        'enabled = false',
        '[model_providers.tessera]',
        'name = "Tessera"',
        `base_url = "${url}/v1"`,
        'env_key = "TESSERA_API_KEY"',
        'wire_api = "responses"',
      ];
      writeFileSync(join(home, 'config.toml'), lines.join('\n'));
      return { CODEX_HOME: home, TESSERA_API_KEY: key };
    },
  },
};

function listen(handler) {
  const server = createServer(handler).listen(0, '127.0.0.1');
  return new Promise((ready) =>
    server.once('listening', () => ready({ server, url: `http://127.0.0.1:${server.address().port}` })),
  );
}

async function bodyOf(request) {
  let body = '';
  for await (const part of request) body += part;
  return body;
}

/** Speaks chat completions, and goes on in the plan by the number of results that it is sent. The first answer to a result breaks off. */
async function startModel(state) {
  return listen(async (request, response) => {
    const { messages = [], tools = [] } = JSON.parse((await bodyOf(request)) || '{}');
    const names = tools.map((tool) => tool.function.name);
    const steps = state.plan[Object.keys(state.plan).find((name) => names.includes(name))] ?? [];
    const results = messages.filter((message) => message.role === 'tool').length;
    const step = steps[results];
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const event = (choices, usage) => response.write(`data: ${JSON.stringify({ choices, usage })}\n\n`);
    const delta = (delta, finish_reason = null) => event([{ index: 0, delta, finish_reason }]);
    delta({ role: 'assistant', content: step ? 'I look. ' : 'Done.' });
    if (results === 1 && !state.hasBroken) {
      state.hasBroken = true;
      return response.end();
    }
    if (step) {
      const [name, input] = step;
      const id = `call_${Math.random().toString(36).slice(2)}`;
      delta({ tool_calls: [{ index: 0, id, type: 'function', function: { name, arguments: JSON.stringify(input) } }] });
    }
    delta({}, step ? 'tool_calls' : 'stop');
    response.end('data: [DONE]\n\n');
  });
}

/** Passes on to Tessera, and keeps of each answer what it says it cost. */
async function startTally(target, told) {
  return listen(async (request, response) => {
    const body = await bodyOf(request);
    const headers = { ...request.headers, 'accept-encoding': 'identity' };
    const onward = send(target + request.url, { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      let text = '';
      answer.on('data', (part) => {
        text += part;
        response.write(part);
      });
      answer.on('end', () => {
        const credits = [...text.matchAll(/"tessera":\{[^}]*?"credits":([\d.]+)/g)].at(-1)?.[1];
        const cost = credits === undefined ? null : Number(credits);
        const bytes = body.length;
        told.push({ path: request.url, status: answer.statusCode, request: answer.headers['x-request-id'], cost, bytes });
        response.end();
      });
    });
    request.on('close', () => response.destroyed && onward.destroy());
    onward.end(body);
  });
}

function makeRepository(name) {
  const repository = join(folder, name, 'repository');
  mkdirSync(repository, { recursive: true });
  writeFileSync(join(repository, 'prices.py'), BEFORE);
  const git = (...words) => execFileSync('git', ['-C', repository, ...words]);
  git('init', '--quiet');
  git('add', '.');
  git('-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', 'commit', '--quiet', '--message', 'Begin');
  return repository;
}

async function run(agent, repository, environment) {
  const [program, ...words] = agent.command;
  const child = spawn(join(folder, 'node_modules/.bin', program), words, {
    cwd: repository,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part));
  const timer = setTimeout(() => child.kill(), 180_000);
  const code = await new Promise((ended) => child.once('close', ended));
  clearTimeout(timer);
  return { code, output };
}

/** The settled entries of the ledger, by request. */
async function settledAt(url, cookie) {
  const settled = new Map();
  const response = await fetch(`${url}/api/credits/ledger?limit=100`, { headers: { cookie } });
  for (const { kind, requestId, amount } of (await response.json()).data.items)
    if (kind === 'settle') settled.set(requestId, -amount);
  return settled;
}

async function play(name, agent, site, state) {
  const repository = makeRepository(name);
  Object.assign(state, { plan: plan(repository), hasBroken: false });
  const { cookie, post } = await signUp(site.url, name);
  const told = [];
  const tally = await startTally(site.url, told);
  const home = join(folder, name, 'home');
  mkdirSync(home);
  const closed = 'http://127.0.0.1:9';
  const runWith = async (more) => {
    const { key } = (await post('/api/account/keys', { name, ...more })).data;
    told.length = 0;
    return run(agent, repository, {
      PATH: process.env.PATH,
      HOME: home,
      HTTP_PROXY: closed,
      HTTPS_PROXY: closed,
      NO_PROXY: '127.0.0.1',
      ...agent.variables(tally.url, key, home),
    });
  };
  const problems = [];

  const poor = await runWith({ budget: 0.000001 });
  const isRefused = told.length === agent.tries && told.every(({ status }) => status === 402);
  if (!isRefused) problems.push(`over its budget, it asked ${told.length} times`);
  if (poor.code === 0 || !poor.output.includes('left in its budget')) problems.push(`over its budget, it says: ${poor.output}`);

  const { code, output } = await runWith({});
  tally.server.close();
  const settled = await settledAt(site.url, cookie);
  const answers = told.filter(({ cost }) => cost !== null);
  if (code !== 0) problems.push(`it ended with ${code}`);
  if (readFileSync(join(repository, 'prices.py'), 'utf8') !== AFTER) problems.push('the edit is missing');
  if (told.length !== answers.length + 1) problems.push(`${told.length - answers.length} answers broke off`);
  if (answers.length < 3) problems.push(`only ${answers.length} answers`);
  if (settled.size !== answers.length) problems.push(`${settled.size} entries for ${answers.length} answers`);
  for (const { request, cost } of answers)
    if (settled.get(request) !== cost) problems.push(`${request} says ${cost}, the ledger ${settled.get(request)}`);

  const size = Math.max(...told.map(({ bytes }) => bytes));
  const sum = [...settled.values()].reduce((all, cost) => all + Math.round(cost * 1e6), 0) / 1e6;
  console.log(`${agent.package}: ${answers.length} answers to up to ${size} bytes, ${sum} credits`);
  for (const problem of problems) console.log(`  ${problem}`);
  if (problems.length > 0) console.log(output, told);
  return problems.length === 0;
}

const state = { plan: {}, hasBroken: false };
const model = await startModel(state);
const files = {
  'prices.toml': `[[model]]\nname = "${MODEL}"\ninput = 100\noutput = 500\n`,
  'providers.toml':
    `only = true\n[[provider]]\nname = "scripted"\nkind = "openai"\nbase_url = "${model.url}/v1"\n` +
    `[[provider.model]]\nname = "${MODEL}"\ncontext_tokens = 200000\ncalls_tools = true\n`,
};
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
let isRight = true;
let site;
try {
  const packages = Object.values(AGENTS).map((agent) => agent.package);
  execFileSync('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--silent', ...packages]);
  site = await startSite({
    PRICES_FILE: join(folder, 'prices.toml'),
    PROVIDERS_FILE: join(folder, 'providers.toml'),
    CHAT_PROVIDERS: '',
    MAX_OUTPUT_TOKENS: '32768',
    FREE_CREDITS: '1000',
  });
  for (const [name, agent] of Object.entries(AGENTS)) isRight = (await play(name, agent, site, state)) && isRight;
} finally {
  model.server.close();
  await site?.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(isRight ? 0 : 1);
