// Views of lists that an admin keeps, prices with their versions, and costs by API key; with a script and without.
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
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

    test('codes are made after a question, shown once, and redeemed', async ({ page, complaints }) => {
      const campaign = `fair-${Date.now()}`;
      await becomeAdmin(page, '/admin/codes');
      await page.getByLabel('Campaign').fill(campaign);
      await page.getByLabel('Credits per code').fill('none');
      await page.getByLabel('Number of codes').fill('3');
      await look(page, script);
      await page.getByRole('button', { name: 'Make codes' }).click();
      await expect(page.getByText('Credits per code: Enter a number above 0')).toBeVisible();
      await expect(page.getByLabel('Campaign')).toHaveValue(campaign);
      await page.getByLabel('Credits per code').fill('2.5');
      await page.getByRole('button', { name: 'Make codes' }).click();
      await expect(page.getByRole('form', { name: 'Make these codes?' })).toContainText('2.5 credits');
      await look(page, script);
      await page.getByRole('button', { name: 'Confirm' }).click();
      const codes = page.getByRole('list', { name: 'Codes' }).getByRole('listitem');
      await expect(codes).toHaveCount(3);
      const shown = await codes.allTextContents();
      await look(page, script);
      const downloading = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Download as text' }).click();
      const file = await readFile(await (await downloading).path(), 'utf8');
      expect(file.trim().split('\n')).toEqual(shown.map((code) => code.trim()));
      await expect(page.getByRole('row', { name: campaign })).toContainText('3');
      await page.goto('/admin/codes');
      await expect(page.getByRole('row', { name: campaign })).toBeVisible();
      await expect(page.getByText(shown[0].trim())).toHaveCount(0);
      const redeemed = await page.request.post('/api/credits/redeem', { data: { code: shown[0].trim() } });
      expect(redeemed.status()).toBe(200);
      // The answer to the form that named no number is meant to be one.
      const isMeant = (complaint: string) => /400/.test(complaint) || (!script && /\.js csp$/.test(complaint));
      complaints.splice(0, complaints.length, ...complaints.filter((complaint) => !isMeant(complaint)));
    });
  });
}

test('prices are listed with their versions, in both languages', async ({ page }) => {
  await becomeAdmin(page, '/admin/prices');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Prices');
  await expect(page.getByRole('region', { name: 'Current' }).or(page.locator('section', { hasText: 'Current' })).first()).toContainText('a reply');
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
