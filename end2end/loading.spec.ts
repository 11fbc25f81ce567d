// How the code comes: in one file for a page, and never twice (scripts/join-chunks.mjs).
import type { Page } from '@playwright/test';
import { composer, expect, hydrated, lastAnswer, send, signUp, test } from './fixtures';

/** The files of code that the page asks for from now on, one by one. */
function codeOf(page: Page) {
  const files: string[] = [];
  page.on('request', (request) => {
    const file = new URL(request.url()).pathname;
    if (file.endsWith('.wasm')) files.push(file);
  });
  return files;
}

const follow = async (page: Page, path: string) => {
  await page.locator(`a[href="${path}"]:visible`).first().click();
  await page.waitForURL(`**${path}`);
};

const paint = async (page: Page, prompt: string) => {
  const answer = await page.request.post('/api/image', { data: { prompt }, headers: { Prefer: 'wait' } });
  expect(answer.status()).toBe(200);
  return answer.json();
};

test('a page is one file of code beside the app', async ({ page, browser }) => {
  await signUp(page);
  const { data } = await paint(page, 'A lighthouse');
  const storageState = await page.context().storageState();
  for (const path of ['/chat', '/images', `/images/${data.id}`, '/dashboard', '/account']) {
    const context = await browser.newContext({ storageState });
    const fresh = await context.newPage();
    const files = codeOf(fresh);
    await fresh.goto(path);
    await hydrated(fresh);
    expect(files, path).toHaveLength(2);
    await context.close();
  }
});

test('the first key brings one more file, and no way through the pages brings anything twice', async ({ page }) => {
  await signUp(page);
  await hydrated(page);
  const files = codeOf(page);
  await composer(page).pressSequentially('a');
  await expect.poll(() => files).toHaveLength(1);
  await composer(page).fill('');
  await send(page, 'a few words #tokens=12');
  await expect(lastAnswer(page)).toContainText('word12');
  for (const path of ['/images', '/dashboard', '/chat', '/images']) await follow(page, path);
  await page.waitForLoadState('networkidle');
  expect(files.length).toBeGreaterThan(3);
  expect(new Set(files).size).toBe(files.length);
  // What was sent is still there: no variable was set back.
  await follow(page, '/chat');
  await send(page, 'again #tokens=7');
  await expect(lastAnswer(page)).toContainText('word7');
});

test('an image brings the code of its page before it is opened, once, and the gallery stays as it was', async ({ page }) => {
  await signUp(page);
  for (const prompt of ['A lighthouse', 'A forest']) await paint(page, prompt);
  await page.goto('/images');
  await hydrated(page);
  const files = codeOf(page);
  const tile = page.locator('[data-tile] a').first();
  await tile.hover();
  await expect.poll(() => files).toHaveLength(1);
  await page.getByLabel('Describe your image').fill('not sent yet');
  await tile.click();
  await expect(page.getByRole('button', { name: 'Zoom to 100% (Z)' })).toBeVisible();
  await page.keyboard.press('ArrowRight');
  await expect(page).toHaveTitle('A lighthouse · Tessera');
  await page.goBack();
  await expect(page.getByLabel('Describe your image')).toHaveValue('not sent yet');
  await expect(page.locator('[data-tile]')).toHaveCount(2);
  expect(new Set(files).size).toBe(files.length);
});

test('what an image needs and did not come is asked for again', async ({ page, complaints }) => {
  await signUp(page);
  await paint(page, 'A lighthouse');
  await page.goto('/images');
  await hydrated(page);
  let refused = true;
  await page.route('**/*.wasm', (route) => (refused ? route.abort() : route.continue()));
  const heart = page.getByRole('button', { name: 'Favorite' });
  await heart.press('Enter');
  await expect(page.getByRole('alert')).toContainText('can’t be reached');
  await expect(heart).toHaveAttribute('aria-pressed', 'false');
  refused = false;
  const kept = page.waitForResponse((response) => response.request().method() === 'PATCH');
  await heart.press('Enter');
  await expect(heart).toHaveAttribute('aria-pressed', 'true');
  // It is shown before the server has it.
  await kept;
  await page.reload();
  await expect(heart).toHaveAttribute('aria-pressed', 'true');
  complaints.length = 0;
});

test('code that did not come is asked for again', async ({ page, complaints }) => {
  await signUp(page);
  await hydrated(page);
  let failures = 0;
  await page.route('**/*.wasm', (route) => (failures++ === 0 ? route.abort() : route.continue()));
  await composer(page).pressSequentially('a');
  await expect.poll(() => failures).toBe(1);
  await composer(page).fill('');
  await send(page, 'a few words #tokens=12');
  await expect(lastAnswer(page)).toContainText('word12');
  expect(failures).toBeGreaterThan(1);
  complaints.length = 0;
});
