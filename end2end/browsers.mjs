// Firefox and WebKit, driven by what Debian has of them: as little as a walk through the pages needs.
//
// Each browser: `open(url)`, `click(xpath)`, `type(xpath, text)`, `see(xpath)` (waits until it is displayed), `run(expression)`,
// `screenshot(path)`, `complaints()` (what its console said that is no information), `close()`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import puppeteer from 'puppeteer-core';

const PATIENCE = 60_000;
// Where Debian has it: it depends on the architecture and on the release.
const MINI_BROWSER = ['4.1', '4.0', '6.0'].map((version) => `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/webkit2gtk-${version}/MiniBrowser`);

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function freePort() {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Firefox, over WebDriver BiDi. */
export async function openFirefox() {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.TESSERA_FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    defaultViewport: { width: 1280, height: 800 },
  });
  const page = await browser.newPage();
  const complaints = [];
  page.on('console', (message) => {
    if (['error', 'warn'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  const see = (xpath) => page.waitForSelector(`::-p-xpath(${xpath})`, { timeout: PATIENCE, visible: true });
  return {
    open: (url) => page.goto(url),
    click: async (xpath) => (await see(xpath)).click(),
    type: async (xpath, text) => (await see(xpath)).type(text),
    see,
    run: (expression) => page.evaluate(expression),
    screenshot: (path) => page.screenshot({ path }),
    complaints: async () => complaints,
    close: () => browser.close(),
  };
}

// Under automation MiniBrowser tells nobody what the console said. So the pages are taken through a proxy, which puts a script with
// the page's own nonce before all others; pages without a script keep their policy, and have nothing to complain with.
const LISTEN = `
  const complaints = JSON.parse(sessionStorage.complaints ?? '[]');
  const complain = (text) => { complaints.push(text); sessionStorage.complaints = JSON.stringify(complaints); };
  addEventListener('error', (event) => complain('uncaught: ' + (event.message ?? event.target?.src ?? event.target?.href)), true);
  addEventListener('unhandledrejection', (event) => complain('unhandled: ' + event.reason));
  addEventListener('securitypolicyviolation', (event) => complain('CSP: ' + event.violatedDirective + ' ' + event.blockedURI));
  for (const level of ['error', 'warn']) {
    const say = console[level];
    console[level] = (...all) => { complain(level + ': ' + all.join(' ')); say.apply(console, all); };
  }`;

async function listeningProxy(site) {
  const { hostname, port, host } = new URL(site);
  const own = await freePort();
  const server = createServer((incoming, outgoing) => {
    const headers = { ...incoming.headers, host, 'accept-encoding': 'identity' };
    for (const name of ['origin', 'referer']) headers[name] &&= headers[name].replace(`127.0.0.1:${own}`, host);
    const upstream = request({ hostname, port, method: incoming.method, path: incoming.url, headers }, async (response) => {
      const nonce = /'nonce-([^']+)'/.exec(response.headers['content-security-policy'] ?? '')?.[1];
      const isPage = /^text\/html/.test(response.headers['content-type'] ?? '');
      outgoing.on('close', () => upstream.destroy());
      const answered = { ...response.headers };
      if (answered.location) answered.location = answered.location.replace(host, `127.0.0.1:${own}`);
      if (nonce && isPage) delete answered['content-length'];
      outgoing.writeHead(response.statusCode, answered);
      if (!nonce || !isPage) return void response.pipe(outgoing);
      let before = '';
      for await (const chunk of response) {
        if (before === undefined) outgoing.write(chunk);
        else if ((before += chunk).includes('<head>')) {
          outgoing.write(before.replace('<head>', `<head><script nonce="${nonce}">${LISTEN}</script>`));
          before = undefined;
        }
      }
      outgoing.end(before);
    });
    upstream.on('error', () => outgoing.destroy());
    incoming.pipe(upstream);
  }).listen(own, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${own}`, close: () => server.closeAllConnections() ?? server.close() };
}

/** WebKitGTK, over WebDriver, on a screen that nobody sees. */
export async function openWebKit(site) {
  const { existsSync } = await import('node:fs');
  const binary = process.env.TESSERA_WEBKIT ?? MINI_BROWSER.find(existsSync);
  const proxy = await listeningProxy(site);
  // It chooses a free number and writes it down.
  const screen = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1400x1000x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const display = `:${(await once(screen.stdio[3], 'data'))[0]}`.trim();
  const port = await freePort();
  const driver = spawn('WebKitWebDriver', [`--port=${port}`, '--host=127.0.0.1'], {
    // Its sandbox wants namespaces, which containers seldom have. Only our own pages are opened.
    env: { ...process.env, DISPLAY: display, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' },
    stdio: 'ignore',
  });
  const call = async (method, path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body && JSON.stringify(body) });
    const { value } = await response.json();
    if (!response.ok) throw Object.assign(new Error(`${path}: ${value.error} ${value.message}`), { kind: value.error });
    return value;
  };
  const until = async (what, tried) => {
    for (const end = Date.now() + PATIENCE; Date.now() < end; await sleep(100)) {
      const found = await tried();
      if (found) return found;
    }
    throw new Error(`not seen: ${what}`);
  };
  let session;
  const close = async () => {
    if (session) await call('DELETE', session).catch(() => {});
    for (const child of [driver, screen]) child.kill();
    proxy.close();
  };
  try {
    await until('WebKitWebDriver', () => fetch(`http://127.0.0.1:${port}/status`).then(() => true, () => false));
    const wanted = { 'webkitgtk:browserOptions': { binary, args: ['--automation'] } };
    session = `/session/${(await call('POST', '/session', { capabilities: { alwaysMatch: wanted } })).sessionId}`;
    await call('POST', `${session}/window/rect`, { width: 1280, height: 900 });
  } catch (error) {
    await close();
    throw error;
  }
  const see = (xpath) =>
    until(xpath, async () => {
      try {
        const [id] = Object.values(await call('POST', `${session}/element`, { using: 'xpath', value: xpath }));
        const element = `${session}/element/${id}`;
        return (await call('GET', `${element}/displayed`)) && element;
      } catch (error) {
        if (['no such element', 'stale element reference'].includes(error.kind)) return false;
        throw error;
      }
    });
  const run = (expression) => call('POST', `${session}/execute/sync`, { script: `return (${expression})`, args: [] });
  return {
    open: (url) => call('POST', `${session}/url`, { url: url.replace(site, proxy.url) }),
    click: async (xpath) => call('POST', `${await see(xpath)}/click`, {}),
    type: async (xpath, text) => call('POST', `${await see(xpath)}/value`, { text }),
    see,
    run,
    screenshot: async (path) => writeFile(path, Buffer.from(await call('GET', `${session}/screenshot`), 'base64')),
    complaints: async () => JSON.parse((await run('sessionStorage.complaints')) ?? '[]'),
    close,
  };
}
