// Whatever a model, a user or an address says: no script runs, and no request leaves for another site. 500 payloads of payloads.mjs in
// the replies of a model, and more in all that people may name.
import { type BrowserContext, type Page } from '@playwright/test';

import { expect, hydrated, lastAnswer, PASSWORD, send, signUp, test } from './fixtures';
import { ELSEWHERE, payloads } from './payloads.mjs';

const site = Number(process.env.E2E_PORT ?? 24110) + 2;
const origin = `http://127.0.0.1:${site}`;
test.use({ baseURL: origin });
test.setTimeout(120_000);

/** Requests that went, or would have gone, to another site; none of them leaves this machine. */
async function watch(context: BrowserContext, page: Page) {
  const seen: string[] = [];
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && !['data:', 'blob:', 'about:'].includes(url.protocol)) seen.push(`request: ${request.url()}`);
  });
  await context.route((url) => url.origin !== origin && url.protocol.startsWith('http'), (route) => route.abort());
  page.on('dialog', (dialog) => {
    seen.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('popup', (popup) => seen.push(`popup: ${popup.url()}`));
  return seen;
}

/** What in the page could run, load or send. */
function harm() {
  const found: string[] = [];
  if ('__ran' in window) found.push('a script has run');
  const here = (address: string | null) => address === null || new URL(address, location.href).origin === location.origin;
  for (const element of document.querySelectorAll('*')) {
    const say = (what: string) => found.push(`${what}: ${element.outerHTML.slice(0, 200)}`);
    const name = element.localName;
    for (const attribute of element.attributes) {
      if (/^on/i.test(attribute.name)) say('a handler');
      if (['style', 'srcdoc', 'formaction'].includes(attribute.name) && element.closest('.markdown')) say(attribute.name);
    }
    if (['iframe', 'frame', 'object', 'embed', 'base', 'marquee', 'foreignObject', 'animate'].includes(name)) say(name);
    if (name === 'meta' && element.hasAttribute('http-equiv')) say('meta');
    if (['script', 'style', 'form', 'input', 'link'].includes(name) && element.closest('.markdown') && !element.matches('input[type=checkbox]')) say(name);
    if (['img', 'script', 'source', 'video', 'audio', 'image', 'use'].includes(name)) {
      // What stands for a picture until it is there.
      const own = element.getAttribute('src')?.startsWith('data:image/webp;base64,') && !element.closest('.markdown');
      for (const source of ['src', 'href', 'poster']) if (!own && !here(element.getAttribute(source))) say('from elsewhere');
      if (element.hasAttribute('srcset') && element.closest('.markdown')) say('srcset');
    }
    if (name === 'link' && !here(element.getAttribute('href')) && element.getAttribute('rel') !== 'canonical') say('from elsewhere');
    if (name === 'form' && !here(element.getAttribute('action'))) say('a form to elsewhere');
    const href = ['a', 'area'].includes(name) ? element.getAttribute('href') : null;
    if (href !== null && !['http:', 'https:', 'mailto:'].includes(new URL(href, location.href).protocol)) say('a link that runs');
    if (href !== null && /^\s*[\\/]{2}/.test(href)) say('a link without a scheme');
  }
  return found;
}

async function expectHarmless(page: Page, seen: string[], what: string) {
  // What would run by itself has had its turn.
  await page.evaluate(() => new Promise((done) => setTimeout(done, 50)));
  expect([...seen, ...(await page.evaluate(harm))], what).toEqual([]);
}

async function post(page: Page, path: string, data: unknown) {
  const response = await page.request.post(path, { data });
  return { status: response.status(), body: await response.json().catch(() => ({})) };
}

/** Texts of at most so many letters, each with as many payloads as fit. */
function packed(seed: number, count: number, most: number) {
  const texts = [''];
  for (const payload of payloads(seed, count)) {
    const joined = `${texts[texts.length - 1]}\n\n${payload}`.trim();
    if (joined.length <= most) texts[texts.length - 1] = joined;
    else texts.push([...payload].slice(0, most).join(''));
  }
  return texts.filter((text) => text.trim() !== '');
}

test('nothing that a model writes runs or calls', async ({ page, context }) => {
  const seen = await watch(context, page);
  await signUp(page);
  // As it is written, and looked at meanwhile.
  await send(page, '#attack=1 live');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete', { timeout: 30_000 });
  await expectHarmless(page, seen, 'while it was written');
  const chat = new URL(page.url()).pathname.split('/').pop()!;
  // 40 each.
  for (let seed = 2; seed <= 13; seed++) {
    const { status } = await post(page, '/api/chat', { message: `#attack=${seed}`, conversationId: chat });
    expect(status, `seed ${seed}`).toBe(200);
  }
  await page.reload();
  await hydrated(page);
  await expect(page.locator('li[data-author="assistant"]')).toHaveCount(13);
  await expect(page.locator('li[data-author="assistant"] .markdown').first()).toBeVisible();
  await expectHarmless(page, seen, 'stored');
  // It is there, as text.
  expect(await page.locator('li[data-author="assistant"]').first().innerText()).toContain('<script>window.__ran=1</script>');
  await page.mouse.move(400, 300);
  await page.keyboard.press('Tab');
  const { body } = await post(page, `/api/conversations/${chat}/share`, {});
  await page.goto(new URL(body.data.url, origin).pathname);
  await expectHarmless(page, seen, 'shared');
});

test('nothing that people name runs or calls', async ({ page, context }) => {
  const seen = await watch(context, page);
  const email = await signUp(page);
  // Messages, and a title for each conversation.
  const titles = payloads(101, 160);
  const chats: string[] = [];
  for (const text of packed(100, 90, 900).slice(0, 10)) {
    const { status, body } = await post(page, '/api/chat', { message: `#tokens=1\n${text}`, systemPrompt: titles.pop()!.slice(0, 200) });
    expect(status).toBe(200);
    chats.push(body.data.conversationId);
    const title = packed(200 + chats.length, 6, 90)[0];
    await page.request.patch(`/api/conversations/${body.data.conversationId}`, { data: { title } });
  }
  // The model sees them, and so do the lists.
  for (const chat of chats.slice(0, 4)) {
    await page.goto(`/chat/${chat}`);
    await hydrated(page);
    await expectHarmless(page, seen, 'a message of a user');
  }
  // The name of the user, of keys, of the device that signs in.
  const name = `<img src=x onerror=window.__ran=1>`;
  await page.request.post('/account/profile', { form: { displayName: name }, headers: { origin } });
  for (const key of packed(300, 12, 60).slice(0, 6)) await post(page, '/api/account/keys', { name: key });
  for (const agent of ['<script>window.__ran=1</script>/1', `x"><img src=x onerror=window.__ran=1>`, `https://${ELSEWHERE}/<svg onload=window.__ran=1>`]) {
    const login = await fetch(`${origin}/api/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': agent },
      body: JSON.stringify({ email, password: PASSWORD }),
    });
    expect(login.status).toBe(200);
  }
  // Prompts of images, by the painter inside the server.
  const prompts = packed(400, 40, 600).slice(0, 4);
  const images: string[] = [];
  for (const prompt of prompts) {
    const { status, body } = await post(page, '/api/image', { prompt, aspectRatio: '21:9' });
    if (status === 202) images.push(body.data.id);
  }
  expect(images.length).toBeGreaterThan(2);
  for (const image of images) {
    await expect.poll(async () => (await (await page.request.get(`/api/images/${image}`)).json()).data.status, { timeout: 30_000 }).toBe('complete');
  }
  for (const path of ['/account', '/images', `/images/${images[0]}`, `/images/${images[1]}`, '/dashboard', '/chat', '/']) {
    await page.goto(path);
    await expectHarmless(page, seen, path);
  }
});

test('nothing in an address runs or calls', async ({ page, context, complaints }) => {
  const seen = await watch(context, page);
  await signUp(page);
  const query = payloads(500, 24).map(encodeURIComponent);
  const paths = (text: string) => [
    `/images?q=${text}`,
    `/chat?message=${text}&q=${text}`,
    `/buy-credits?from=${text}`,
    `/account?said=${text}&problem=${text}&with=${text}`,
    `/nowhere/${text}`,
    `/dashboard?cursor=${text}&code=${text}`,
  ];
  for (const [number, text] of query.entries()) {
    const all = paths(text.replaceAll('%00', ''));
    await page.goto(all[number % all.length]);
    await expectHarmless(page, seen, all[number % all.length]);
  }
  await context.clearCookies();
  for (const text of query.slice(0, 8)) {
    await page.goto(`/sign-in?next=${text}&problem=${text}&with=${text}`);
    await expectHarmless(page, seen, 'signing in');
    await page.goto(`/sign-in?problem=denied&with=${text}`);
    await expectHarmless(page, seen, 'a problem of a provider');
  }
  // What is not there says so.
  complaints.splice(0, complaints.length, ...complaints.filter((complaint) => !/status of (400|404|405)/.test(complaint)));
});

test('what would run or call is seen', async ({ page, complaints }) => {
  await page.goto('/');
  for (const html of [
    '<a href="javascript:1">x</a>',
    `<img src="https://${ELSEWHERE}/a.png">`,
    '<p onclick="1">x</p>',
    `<form action="//${ELSEWHERE}"></form>`,
    '<iframe></iframe>',
    `<a href="//${ELSEWHERE}">x</a>`,
    '<p style="color:red">x</p>',
  ]) {
    await page.evaluate((inner) => {
      document.body.innerHTML = `<div class="markdown">${inner}</div>`;
    }, html);
    expect(await page.evaluate(harm), html).not.toEqual([]);
  }
  // The browser refuses some of it by itself.
  complaints.splice(0);
});
