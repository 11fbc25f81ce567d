// Images, made by the painter inside the server.
import type { Page } from '@playwright/test';
import { expect, expectAccessible, expectComplaints, expectNoOverflow, hydrated, signUp, test } from './fixtures';

const tiles = (page: Page, status = 'complete') => page.locator(`[data-tile][data-status=${status}]`);
const links = (page: Page) => page.locator('[data-tile] a');
const prompt = (page: Page) => page.getByLabel('Describe your image');

/** `number`: at once, in one press. */
async function make(page: Page, text: string, number = 1) {
  await prompt(page).fill(text);
  await page.getByRole('radio', { name: `${number}`, exact: true }).check({ force: true });
  await page.getByRole('button', { name: /^Create/ }).click();
}

/** As a program does it; back when it is there. */
async function order(page: Page, text: string, aspectRatio = '1:1') {
  const { data } = await (await page.request.post('/api/image', { data: { prompt: text, aspectRatio } })).json();
  await expect.poll(async () => (await (await page.request.get(`/api/images/${data.id}`)).json()).data.status).toBe('complete');
  return data.id as string;
}

async function open(page: Page, path = '/images') {
  await page.goto(path);
  await hydrated(page);
}

test('two images are made at once, without anything moving, and cost what was said', async ({ page }) => {
  await page.addInitScript(() => {
    const moved = { sum: 0 };
    Object.assign(window, { moved });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as unknown as { hadRecentInput: boolean; value: number }[]) {
        if (!entry.hadRecentInput) moved.sum += entry.value;
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await signUp(page);
  await open(page);
  await expect(page.getByText('Sketches by the built-in painter, not AI.')).toBeVisible();
  await page.getByRole('radio', { name: '3:2', exact: true }).check({ force: true });
  await prompt(page).fill('Mountains at dawn');
  await page.getByRole('radio', { name: '2', exact: true }).check({ force: true });
  await page.getByRole('button', { name: 'Create 2 images · 4 credits' }).click();
  await expect(page.locator('[data-tile]')).toHaveCount(2);
  await expect(tiles(page)).toHaveCount(2);
  await expect(page.getByText('Image ready: Mountains at dawn')).toBeAttached();
  await expect(page.getByRole('link', { name: '6 credits' })).toBeVisible();
  await expect(prompt(page)).toHaveValue('Mountains at dawn');
  const image = links(page).first().locator('img').last();
  await expect(image).toHaveAttribute('alt', 'Mountains at dawn');
  await expect.poll(() => image.evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth > 0)).toBe(true);
  expect(await page.evaluate(() => (window as unknown as { moved: { sum: number } }).moved.sum)).toBeLessThan(0.02);
});

test('an image goes on while the page is reloaded', async ({ page }) => {
  await signUp(page);
  await open(page);
  const asked = page.waitForResponse((response) => response.url().endsWith('/api/image') && response.status() === 202);
  await make(page, 'A city at night in the rain', 4);
  await asked;
  await page.reload();
  await expect(page.locator('[data-tile]')).not.toHaveCount(0);
  await expect(tiles(page, 'running')).toHaveCount(0);
  await expect(tiles(page).first()).toBeVisible();
});

test('images are found by their words and by the heart', async ({ page }) => {
  await signUp(page);
  await order(page, 'A red lighthouse');
  await order(page, 'A green forest');
  await open(page);
  await expect(tiles(page)).toHaveCount(2);
  await links(page).first().focus();
  await page.keyboard.press('f');
  await expect(page.getByRole('button', { name: 'Favorite', pressed: true })).toHaveCount(1);
  await page.getByRole('searchbox', { name: 'Search images' }).fill('lighthouse');
  await expect(page).toHaveURL(/\?q=lighthouse$/);
  await expect(tiles(page)).toHaveCount(1);
  await page.reload();
  await expect(tiles(page)).toHaveCount(1);
  // The tiles are there before anybody listens to what is typed.
  await hydrated(page);
  await page.getByRole('searchbox', { name: 'Search images' }).fill('nothing like this');
  await expect(page.getByText('No matching images')).toBeVisible();
  await page.getByRole('link', { name: 'Show all images' }).click();
  await expect(tiles(page)).toHaveCount(2);
  await page.getByRole('link', { name: 'Favorites' }).click();
  await expect(page).toHaveURL(/\?favorites=on$/);
  await expect(links(page)).toHaveCount(1);
  await expect(links(page).locator('img').last()).toHaveAttribute('alt', 'A green forest');
});

test('what is typed into the search before the page listens is looked for', async ({ page }) => {
  await signUp(page);
  await order(page, 'A red lighthouse');
  await order(page, 'A green forest');
  let load = () => {};
  const wanted = new Promise<void>((resolve) => (load = resolve));
  await page.route('**/*.wasm', async (route) => {
    await wanted;
    await route.continue();
  });
  await page.goto('/images', { waitUntil: 'commit' });
  await page.getByRole('searchbox', { name: 'Search images' }).fill('lighthouse');
  load();
  await expect(page).toHaveURL(/\?q=lighthouse$/);
  await expect(tiles(page)).toHaveCount(1);
});

test('several are deleted after a question', async ({ page }) => {
  await signUp(page);
  for (const text of ['One', 'Two', 'Three']) await order(page, `${text} palms at sunset`);
  await open(page);
  await links(page).first().focus();
  await page.keyboard.press('Space');
  await expect(page.getByText('1 selected')).toBeVisible();
  await page.getByRole('button', { name: 'Select all shown' }).click();
  await links(page).last().click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('Delete 2 images?');
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByText('2 images deleted')).toBeVisible();
  await expect(links(page)).toBeFocused();
  await expect(tiles(page)).toHaveCount(1);
  await page.reload();
  await expect(tiles(page)).toHaveCount(1);
});

test('the keyboard goes from tile to tile, into an image, on to the next and back', async ({ page }) => {
  await signUp(page);
  for (const text of ['First', 'Second', 'Third']) await order(page, `${text} island`);
  await open(page);
  const focused = () => page.evaluate(() => document.activeElement?.querySelector('img:last-child')?.getAttribute('alt'));
  await links(page).first().focus();
  await page.keyboard.press('ArrowRight');
  expect(await focused()).toBe('Second island');
  await page.keyboard.press('End');
  expect(await focused()).toBe('First island');
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await expect(page).toHaveTitle('Third island · Tessera');
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
  await page.keyboard.press('ArrowRight');
  await expect(page).toHaveTitle('Second island · Tessera');
  await page.keyboard.press('z');
  await expect(page.getByRole('button', { name: 'Zoom to 100% (Z)' })).toHaveAttribute('aria-pressed', 'true');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: 'Zoom to 100% (Z)' })).toHaveAttribute('aria-pressed', 'false');
  await page.keyboard.press('Escape');
  await expect(page).toHaveURL(/\/images$/);
  await expect.poll(focused).toBe('Second island');
});

test('an image can be varied, made again, downloaded and deleted', async ({ page }) => {
  await signUp(page);
  const id = await order(page, 'A snowy village & stars', '4:5');
  await open(page, `/images/${id}`);
  await expect(page.getByText('Sketch, not AI')).toBeVisible();
  await expect(page.getByText('896 × 1088 pixels')).toBeVisible();
  const downloaded = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download' }).click();
  expect((await downloaded).suggestedFilename()).toMatch(/snowy.*\.png$/);
  await page.getByRole('link', { name: 'Vary' }).click();
  await expect(prompt(page)).toHaveValue('A snowy village & stars');
  await expect(page.getByRole('radio', { name: '4:5' })).toBeChecked();
  await expect(page.getByLabel('Seed')).not.toHaveValue('');
  await page.goBack();
  await page.getByRole('button', { name: 'Again' }).click();
  await expect(tiles(page)).toHaveCount(2);
  await links(page).first().click();
  await page.keyboard.press('Delete');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page).toHaveURL(new RegExp(`/images/${id}$`));
});

test('a seed under "More options" is used, on a page of the server and on one that was gone to', async ({ page }) => {
  await signUp(page);
  await open(page);
  const seeds = async () =>
    (await (await page.request.get('/api/images')).json()).data.items.map(({ seed }: { seed: number }) => seed);
  for (const seed of [7, 8]) {
    await page.getByText('More options').click();
    await page.getByLabel('Seed').fill(`${seed}`);
    await make(page, 'Mountains at dawn');
    await expect.poll(async () => (await seeds())[0]).toBe(seed);
    await expect(page.getByLabel('Seed')).toHaveCount(1);
    await expect(page.getByLabel('Seed')).toHaveValue(`${seed}`);
    await page.getByRole('link', { name: /credits/ }).first().click();
    await expect(page).toHaveURL(/\/dashboard$/);
    await page.locator('a[href="/images"]:visible').first().click();
    await expect(prompt(page)).toBeVisible();
  }
});

test('what cannot be paid is said before, and a refusal keeps the prompt', async ({ page, complaints }) => {
  await signUp(page);
  await open(page);
  await page.route('**/api/image', (route) =>
    route.request().method() === 'POST'
      ? route.fulfill({ status: 402, json: { success: false, code: 'insufficient_credits', error: 'Not enough credits: this costs 2 and you have 1.' } })
      : route.fallback(),
  );
  await make(page, 'A desert with a balloon');
  await expect(page.getByRole('alert').first()).toContainText('Not enough credits');
  await expect(prompt(page)).toHaveValue('A desert with a balloon');
  await expect(page.locator('[data-tile]')).toHaveCount(0);
  expectComplaints(complaints, /status of 402/);
  await page.unroute('**/api/image');
  for (let made = 0; made < 4; made++) await order(page, 'A forest in fog');
  await page.reload();
  await hydrated(page);
  await expect(prompt(page)).toHaveValue('A desert with a balloon');
  await page.getByRole('radio', { name: '2', exact: true }).check({ force: true });
  await expect(page.getByText('This costs 4 credits and you have 2.')).toBeVisible();
  await expect(page.getByRole('link', { name: 'Get more credits' })).toBeVisible();
});

for (const theme of ['light', 'dark'] as const) {
  test(`the pages of images are accessible and fit 360 px, ${theme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: theme });
    await signUp(page);
    await open(page);
    await expectAccessible(page);
    const id = await order(page, 'A ringed planet over a red desert', '21:9');
    await order(page, 'Mountains', '9:21');
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 740 });
      for (const path of ['/images', `/images/${id}`]) {
        await open(page, path);
        await expectAccessible(page);
        await expectNoOverflow(page);
      }
    }
    await open(page);
    await page.getByRole('button', { name: 'Select', exact: true }).click();
    await expectAccessible(page);
  });
}

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('one can make, find, like and delete an image', async ({ page, complaints }) => {
    await signUp(page);
    await page.goto('/images');
    await prompt(page).fill('A lighthouse in a storm');
    await page.getByRole('button', { name: /^Create/ }).click();
    await expect(page).toHaveURL(/\/images$/);
    await expect(async () => {
      await page.reload();
      await expect(tiles(page)).toHaveCount(1, { timeout: 500 });
    }).toPass();
    await page.getByRole('searchbox', { name: 'Search images' }).fill('lighthouse');
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(/\?q=lighthouse/);
    await expect(tiles(page)).toHaveCount(1);
    await links(page).first().click();
    await page.getByRole('button', { name: 'Favorite' }).click();
    await expect(page.getByRole('button', { name: 'Favorite', pressed: true })).toBeVisible();
    await page.getByRole('button', { name: 'Delete' }).click();
    await expect(page.getByText('Your images will appear here')).toBeVisible();
    expectComplaints(complaints, /\.js csp$/);
  });
});
