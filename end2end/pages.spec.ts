import type { Page } from '@playwright/test';
import { expect, expectAccessible, expectComplaints, expectNoOverflow, hydrated, lastAnswer, send, signUp, test } from './fixtures';

const OPEN = ['/', '/sign-in', '/sign-up', '/nowhere'];

for (const theme of ['light', 'dark'] as const) {
  test(`every page is accessible and fits 360 px, ${theme}`, async ({ page, complaints }) => {
    // Many pages, and a machine that others use too.
    test.slow();
    await page.emulateMedia({ colorScheme: theme });
    for (const path of OPEN) {
      await page.goto(path);
      await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
      await expectAccessible(page);
    }
    await signUp(page);
    await hydrated(page);
    await expectAccessible(page);
    await send(page, '#markdown');
    await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
    await expectAccessible(page);
    const conversation = new URL(page.url()).pathname;
    for (const path of ['/dashboard', '/account']) {
      await page.goto(path);
      await hydrated(page);
      await expectAccessible(page);
    }
    await page.setViewportSize({ width: 360, height: 740 });
    for (const path of ['/', '/nowhere', '/chat', conversation, '/dashboard', '/account', '/api/docs']) {
      await page.goto(path);
      await expectNoOverflow(page);
      await expectAccessible(page);
    }
    expectComplaints(complaints, /status of 404/);
  });
}

test('the sample of the landing page comes in word by word, or at once for who wants no motion', async ({ page }) => {
  const isShown = (selector: string) => page.locator(`.sample ${selector}`).last().evaluate((element) => getComputedStyle(element).opacity === '1');
  await page.goto('/');
  expect(await isShown('.receipt')).toBe(false);
  await expect.poll(() => isShown('.failure')).toBe(true);
  await expect.poll(() => isShown('.receipt')).toBe(true);
  const hidden = () =>
    page.locator('.sample *').evaluateAll((all) => all.filter((element) => getComputedStyle(element).opacity !== '1').length);
  expect(await hidden(), 'all of it, and for good').toBe(0);
  await page.waitForTimeout(500);
  expect(await hidden()).toBe(0);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.goto('/');
  for (const part of ['.words > span', '.receipt', '.retried', '.failure']) expect(await isShown(part)).toBe(true);
});

test('the drawer opens and closes with the keyboard on a phone', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await signUp(page);
  await send(page, 'in the drawer #tokens=1');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  const link = page.getByRole('link', { name: /in the drawer/ });
  await expect(link).not.toBeInViewport();
  await page.getByRole('button', { name: /conversations|menu|sidebar/i }).first().click();
  await expect(link.first()).toBeInViewport();
  await page.keyboard.press('Escape');
  await expect(link).not.toBeInViewport();
});

test('the theme changes at once, stays, and never flashes', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  await signUp(page);
  await hydrated(page);
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background();
  await page.getByRole('button', { name: 'Dark theme' }).click();
  await expect.poll(background).not.toBe(light);
  const dark = await background();
  const html = await (await page.request.get('/chat')).text();
  expect(html).toContain('data-theme="dark"');
  await page.goto('/');
  expect(await background()).toBe(dark);
  await page.getByRole('button', { name: 'System theme' }).click();
  expect(await background()).toBe(light);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('one can sign up, ask, read the answer and sign out', async ({ page, complaints }) => {
    await signUp(page);
    await page.getByLabel('Message', { exact: true }).fill('no script #tokens=3');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.waitForURL(/\/chat\/[0-9a-f-]{36}$/);
    await expect(lastAnswer(page)).toContainText('word1 word2 word3');
    await page.goto('/dashboard');
    await expect(page.getByRole('table')).toContainText('9');
    // Scripts are switched off, so what a page preloads of them is not fetched.
    expectComplaints(complaints, /\.js csp$/);
  });
});

const marked = (page: Page) => page.evaluate(() => (window as unknown as { mark?: number }).mark);

test('pages change without a reload, and the way back works', async ({ page }) => {
  await signUp(page);
  await hydrated(page);
  await page.evaluate(() => Object.assign(window, { mark: 1 }));
  await page.getByTitle('Balance and activity').click();
  await expect(page.getByRole('heading', { name: 'Activity' })).toBeVisible();
  expect(new URL(page.url()).pathname).toBe('/dashboard');
  await expect(page).toHaveTitle('Credits · Tessera');
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
  await page.goBack();
  await expect(page.getByText('What would you like to know?')).toBeVisible();
  await page.goForward();
  await expect(page.getByRole('heading', { name: 'Activity' })).toBeVisible();
  expect(await marked(page)).toBe(1);
});

test('a page whose code does not load comes from the server', async ({ page, complaints }) => {
  await signUp(page);
  await hydrated(page);
  await page.evaluate(() => Object.assign(window, { mark: 1 }));
  await page.route('**/pkg/part.*.wasm', (route) => route.abort());
  await page.getByTitle('Balance and activity').click();
  await expect(page.getByRole('heading', { name: 'Activity' })).toBeVisible();
  expect(await marked(page)).toBeUndefined();
  expectComplaints(complaints, /part\.|Failed to (load|fetch)|ERR_FAILED/);
});

test('a key is made, shown once, used and revoked', async ({ page, request }) => {
  await signUp(page);
  await hydrated(page);
  await page.getByRole('button', { name: 'Account', exact: true }).click();
  await page.getByRole('link', { name: 'Account and API keys' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Account' })).toBeVisible();
  await page.getByRole('region', { name: 'New key' }).getByLabel('Name').fill('My script');
  await page.getByLabel(/^Budget /).fill('3');
  await page.getByLabel('Read').uncheck();
  await page.getByLabel('Valid for').selectOption('30');
  await page.getByRole('button', { name: 'Create key' }).click();
  const shown = page.getByText(/^tsk_[\w-]{43}$/);
  await expect(shown).toBeVisible();
  const key = (await shown.textContent()) ?? '';
  await hydrated(page);
  await expectAccessible(page);
  const asked = await request.post('/v1/chat/completions', {
    headers: { authorization: `Bearer ${key}` },
    data: { model: 'tessera', messages: [{ role: 'user', content: 'from a program #tokens=2' }] },
  });
  expect(asked.status()).toBe(200);
  await page.goto('/account');
  await expect(page.getByText('1 of 3 credits')).toBeVisible();
  await expect(page.getByText('Spend', { exact: true }).first()).toBeVisible();
  await expect(page.getByText(/^Expires/)).toBeVisible();
  await expect(page.getByText(key)).toHaveCount(0);
  await page.getByText('Revoke…').click();
  await page.getByRole('button', { name: 'Revoke key' }).click();
  await expect(page.getByText('No API keys yet.')).toBeVisible();
  const refused = await request.get('/v1/models', { headers: { authorization: `Bearer ${key}` } });
  expect(refused.status()).toBe(401);
});
