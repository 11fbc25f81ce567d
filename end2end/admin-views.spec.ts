// Views of lists that an admin keeps, prices with their versions, and costs by API key; with a script and without.
import { execFileSync } from 'node:child_process';
import type { Page } from '@playwright/test';
import { PASSWORD, expect, expectAccessible, expectNoOverflow, signUp, test } from './fixtures';

async function becomeAdmin(page: Page, next: string) {
  const email = await signUp(page);
  const env = { ...process.env, DATA_DIR: 'end2end/test-results/data' };
  execFileSync('target/release/tessera', ['admin', 'grant', email], { cwd: '..', env, stdio: 'ignore' });
  await page.context().clearCookies();
  await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL(`**${next}`);
}

/** In both themes, and on a phone. */
async function look(page: Page, script: boolean) {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 740 });
      await expectNoOverflow(page);
      if (script) await expectAccessible(page);
    }
  }
  await page.setViewportSize({ width: 1280, height: 720 });
}

for (const script of [true, false]) {
  test.describe(script ? 'with a script' : 'without a script', () => {
    test.use({ javaScriptEnabled: script });

    test('a view keeps filters and order, and is removed', async ({ page, complaints }) => {
      await becomeAdmin(page, '/admin/users');
      await page.getByLabel('Role').selectOption('ADMIN');
      await page.getByLabel('Order').selectOption('oldest');
      await page.getByRole('button', { name: 'Search' }).click();
      await page.getByLabel('Name of this view').fill('Admins, oldest first');
      await page.getByRole('button', { name: 'Save this view' }).click();
      const view = page.getByRole('link', { name: 'Admins, oldest first' });
      await expect(view).toHaveAttribute('aria-current', 'true');
      await look(page, script);
      await page.goto('/admin/users');
      await expect(view).not.toHaveAttribute('aria-current', 'true');
      await view.click();
      await page.waitForURL('**/admin/users?role=ADMIN&sort=oldest');
      await expect(page.getByLabel('Role')).toHaveValue('ADMIN');
      await page.getByRole('button', { name: 'Remove the view Admins, oldest first' }).click();
      await page.waitForURL('**/admin/users');
      await expect(view).toHaveCount(0);
      // What was asked for early is of no use without a script.
      if (!script) complaints.splice(0, complaints.length, ...complaints.filter((complaint) => !/\.js csp$/.test(complaint)));
    });
  });
}

test('prices are listed with their versions, in both languages', async ({ page }) => {
  await becomeAdmin(page, '/admin/prices');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Prices');
  await expect(page.getByRole('region', { name: 'In force' }).or(page.locator('section', { hasText: 'In force' })).first()).toContainText('a reply');
  await look(page, true);
  await page.context().addCookies([{ name: 'language', value: 'zh-Hans', url: page.url() }]);
  await page.reload();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('价格');
  await expectNoOverflow(page);
});

test('costs are told by API key, and lead to its attempts', async ({ page }) => {
  await becomeAdmin(page, '/admin/costs');
  const made = await page.request.post('/api/account/keys', { data: { name: 'A program' } });
  const { data } = await made.json();
  const asked = await page.request.post('/api/chat', { data: { message: 'hello' }, headers: { authorization: `Bearer ${data.key}` } });
  expect(asked.status()).toBe(200);
  const { data: keys } = await (await page.request.get('/api/account/keys')).json();
  const link = page.getByRole('link', { name: keys.items[0].id });
  await expect(async () => {
    await page.goto('/admin/costs?range=24h');
    await expect(link).toBeVisible({ timeout: 1000 });
  }).toPass();
  await look(page, true);
  await link.click();
  await page.waitForURL('**/admin/costs/attempts?*key=*');
  await expect(page.getByLabel('API key (id)')).toHaveValue(keys.items[0].id);
  await expect(page.getByRole('row')).toHaveCount(2);
  await look(page, true);
});
