// Statistics of the admin panel: live, by keyboard, as tables, in both themes and languages, on phones and without a script.
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from '@playwright/test';
import { PASSWORD, expect, expectAccessible, expectComplaints, expectNoOverflow, newEmail, send, signUp, test } from './fixtures';

const ROOT = resolve('..');
const run = promisify(execFile);

/** Signs up, gets the role by the command line, and signs in again, as a new role ends all sessions. */
async function becomeAdmin(page: Page) {
  const email = newEmail();
  await signUp(page, email);
  const env = { ...process.env, DATA_DIR: join(ROOT, 'end2end/test-results/data') };
  await run(join(ROOT, 'target/release/tessera'), ['admin', 'grant', email], { cwd: ROOT, env });
  await page.context().clearCookies();
  await page.goto('/sign-in?next=%2Fadmin');
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL('**/admin');
}

const tile = (page: Page, name: string) => page.locator('dl > div', { has: page.getByRole('link', { name, exact: true }) }).locator('dd').first();

test('a chat in another window is on the overview within two seconds', async ({ page, browser }) => {
  await becomeAdmin(page);
  await page.getByLabel('Range').selectOption('24h');
  await page.getByRole('button', { name: 'Show' }).click();
  const before = Number(await tile(page, 'Replies').textContent());
  // What is open stays open.
  await page.locator('#chats-explained summary').click();
  const context = await browser.newContext();
  const other = await context.newPage();
  await signUp(other);
  await send(other, 'How long is a piece of string?');
  await expect(other.locator('li[data-author="assistant"]').last()).not.toBeEmpty();
  await expect(tile(page, 'Replies')).toHaveText(`${before + 1}`, { timeout: 5_000 });
  await expect(page.locator('#chats-explained')).toHaveAttribute('open', '');
  await context.close();
  // The range is kept between visits.
  await page.goto('/admin/costs');
  await expect(page.getByLabel('Range')).toHaveValue('24h');
});

test('a chart leads to its rows by key, and has a table', async ({ page }) => {
  await becomeAdmin(page);
  const chart = page.getByRole('figure', { name: 'Errors' });
  await chart.getByText('As a table').click();
  await expect(chart.getByRole('row')).toHaveCount(31);
  const bar = chart.locator('svg a').last();
  await bar.focus();
  await page.keyboard.press('Enter');
  await page.waitForURL('**/admin/costs/attempts?*outcome=failed*');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Attempts at providers');
});

for (const theme of ['light', 'dark'] as const) {
  test(`statistics are accessible on a phone, ${theme}`, async ({ page }) => {
    // Many pages, and a machine that others use too.
    test.slow();
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width: 360, height: 740 });
    await becomeAdmin(page);
    for (const path of ['/admin', '/admin/costs', '/admin/costs/attempts', '/admin/prices', '/admin/codes', '/admin/ledger', '/admin/users']) {
      await page.goto(path);
      await expectNoOverflow(page);
      await expectAccessible(page);
    }
  });
}

test('statistics speak Chinese', async ({ page }) => {
  await becomeAdmin(page);
  await page.context().addCookies([{ name: 'language', value: 'zh-Hans', url: page.url() }]);
  await page.goto('/admin');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('概览');
  await expectNoOverflow(page);
});

test.describe('without a script', () => {
  test.use({ javaScriptEnabled: false });

  test('a range is picked by a form', async ({ page, complaints }) => {
    await becomeAdmin(page);
    await page.getByLabel('Range').selectOption('7d');
    await page.getByRole('textbox', { name: 'Time zone' }).fill('Asia/Kathmandu');
    await page.getByRole('button', { name: 'Show' }).click();
    await expect(page.getByText('Days are in Asia/Kathmandu', { exact: false })).toBeVisible();
    await expect(page.getByRole('figure', { name: 'Replies', exact: true }).locator('svg a')).toHaveCount(7);
    expectComplaints(complaints, /\.js csp$/);
  });
});
