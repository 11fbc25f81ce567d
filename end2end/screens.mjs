// Photographs every page (shots.mjs) at three widths in both themes, and puts the pictures of each page on one contact
// sheet: target/screens/{page}.png, single pictures in target/screens/{page}/. Words on the command line pick pages.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { chromium } from '@playwright/test';
import { contactSheet } from './contact_sheet.mjs';
import { IMAGES, SAMPLES } from './samples.mjs';
import { SHOTS } from './shots.mjs';
import { signUp, startSite } from './site.mjs';

const OUT = resolve(import.meta.dirname, '../target/screens');
const SIZES = [
  { width: 360, height: 740 },
  { width: 768, height: 1024 },
  { width: 1280, height: 800 },
];
const THEMES = ['light', 'dark'];
/** A reference of many screens is cut there. */
const MAX_HEIGHT = 3600;

/** The users that look, and the addresses of what one of them has made. */
async function furnish(url) {
  const [poor, fresh, maker, full, painter] = await Promise.all(['Poor', 'New', 'Maker', 'Ada', 'Painter'].map((name) => signUp(url, name)));
  const conversations = [];
  for (const { question } of SAMPLES.filter(({ pause }) => !pause)) {
    const { data } = await full.post('/api/chat', { message: question });
    conversations.push(data.conversationId);
  }
  const code = SAMPLES.find(({ answer }) => answer.includes('```')).question;
  await full.post('/api/chat', { message: code, conversationId: conversations[1] });
  const { data: link } = await full.post(`/api/conversations/${conversations[1]}/share`, {});
  await full.post('/api/account/keys', { name: 'Nightly report', perMinute: 5, budget: 40, scopes: ['spend', 'read'], expiresInDays: 90 });
  await full.post('/api/account/keys', { name: 'Editor plug-in' });
  const images = [];
  for (const [prompt, aspectRatio] of IMAGES) images.push((await painter.post('/api/image', { prompt, aspectRatio })).data.id);
  // All but nothing is left.
  const { data: { remainingCredits } } = await poor.post('/api/chat', { message: 'hello' });
  for (let left = remainingCredits; left > 0; left--) await poor.post('/api/chat', { message: 'hello' });
  return {
    cookies: { poor: poor.cookie, new: fresh.cookie, maker: maker.cookie, full: full.cookie, painter: painter.cookie },
    paths: {
      conversation: `/chat/${conversations[1]}`,
      chinese: `/chat/${conversations.at(-1)}`,
      image: `/images/${images[0]}`,
      shared: new URL(link.url).pathname,
    },
  };
}

const fileOf = ({ page, state }, { width }, theme) => `${page}/${state.replaceAll(/\W+/g, '-')}-${width}-${theme}.png`;

/** One state at one width in both themes. Resolves to what was wrong, if anything was. */
async function photograph(browser, site, shot, size) {
  const context = await browser.newContext({
    baseURL: site.url,
    viewport: size,
    locale: shot.locale ?? 'en-US',
    colorScheme: 'light',
    // Where something moves, as most people see it.
    reducedMotion: shot.moves ? 'no-preference' : 'reduce',
  });
  context.setDefaultTimeout(5000);
  try {
    if (shot.as) {
      const [name, value] = site.cookies[shot.as].split('=');
      await context.addCookies([{ name, value, url: site.url }]);
    }
    const page = await context.newPage();
    const path = typeof shot.path === 'function' ? shot.path(site.paths) : shot.path;
    const status = (await page.goto(path)).status();
    if (status !== (shot.status ?? 200)) return `answers ${status}`;
    await shot.open?.(page);
    for (const theme of THEMES) {
      await page.emulateMedia({ colorScheme: theme });
      // Colours take a moment to change.
      await page.waitForTimeout(250);
      const height = Math.min(MAX_HEIGHT, await page.evaluate(() => document.documentElement.scrollHeight));
      const clip = { x: 0, y: 0, width: size.width, height };
      await page.screenshot({ path: resolve(OUT, fileOf(shot, size, theme)), fullPage: true, clip });
    }
    return null;
  } catch (error) {
    return error.message.split('\n')[0];
  } finally {
    await context.close();
  }
}

const wanted = process.argv.slice(2);
const shots = SHOTS.filter(({ page }) => !wanted.length || wanted.includes(page));
const pages = [...new Set(shots.map(({ page }) => page))];
for (const page of pages) {
  await rm(resolve(OUT, page), { recursive: true, force: true });
  await mkdir(resolve(OUT, page), { recursive: true });
}
// Nobody stands in when the upstream fails, and the list of models has one that cannot answer.
const { url, stop } = await startSite({ FREE_CREDITS: '60', LOCAL_MODEL: '/models/none.gguf' });
const browser = await chromium.launch({
  executablePath: process.env.TESSERA_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
});
try {
  const site = { url, ...(await furnish(url)) };
  for (const page of pages) {
    const rows = [];
    for (const shot of shots.filter((shot) => shot.page === page)) {
      const taken = [];
      for (const size of SIZES.filter(({ width }) => width >= (shot.from ?? 0))) {
        const problem = await photograph(browser, site, shot, size);
        if (problem) console.log(`skipped: ${page}, ${shot.state}, ${size.width} px: ${problem}`);
        else taken.push(...THEMES.map((theme) => ({ file: fileOf(shot, size, theme), label: `${size.width} ${theme}`, width: size.width })));
      }
      if (taken.length) rows.push({ state: shot.state, taken });
    }
    if (!rows.length) continue;
    await writeFile(resolve(OUT, `${page}.html`), contactSheet(page, rows));
    const sheet = await browser.newPage({ viewport: { width: 400, height: 300 } });
    await sheet.goto(`file://${OUT}/${page}.html`);
    // As wide as its pictures.
    const width = 48 + (await sheet.evaluate(() => document.querySelector('main').offsetWidth));
    await sheet.setViewportSize({ width, height: 900 });
    await sheet.screenshot({ path: resolve(OUT, `${page}.png`), fullPage: true });
    await sheet.close();
    console.log(`${page}: target/screens/${page}.png (${rows.flatMap(({ taken }) => taken).length} pictures)`);
  }
} finally {
  await browser.close();
  await stop();
}
