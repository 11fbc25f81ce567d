// The books on the pages of the panel, and what an admin does for a user, without a script.
import type { Page } from '@playwright/test';
import { expect, expectAccessible, expectNoOverflow, newEmail, signUp, test } from './fixtures';

/** In both themes and on a phone. */
async function looksRight(page: Page) {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page);
  }
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  await expectNoOverflow(page);
  if (size) await page.setViewportSize(size);
}

test('an admin checks the books and sees the daily closes', async ({ page }) => {
  await signUp(page, 'books-1@example.org');
  await page.goto('/admin/reconciliation');
  await expect(page.getByRole('heading', { name: 'Reconciliation' })).toBeVisible();
  await looksRight(page);
  // One may be going on already.
  const begin = page.getByRole('button', { name: 'Check now' });
  if (await begin.isVisible()) await begin.click();
  await expect(async () => {
    await page.goto('/admin/reconciliation');
    await expect(page.getByText('All books agree.', { exact: true })).toBeVisible({ timeout: 500 });
  }).toPass({ timeout: 45_000 });
  await expect(page.getByText('Ledger entries').first()).toBeVisible();
  await looksRight(page);
  await page.getByRole('link', { name: 'Daily closes' }).click();
  await expect(page.getByRole('heading', { name: 'Daily closes' })).toBeVisible();
  await looksRight(page);
  const csv = await page.request.get('/api/admin/closes?format=csv');
  expect(csv.headers()['content-type']).toContain('text/csv');
  expect(await csv.text()).toMatch(/^number,day,closedAt,/);
});

test('an admin caps a user and erases them with the address typed in', async ({ page, browser }) => {
  const context = await browser.newContext();
  const email = newEmail();
  const own = await context.newPage();
  await signUp(own, email);
  await signUp(page, 'books-2@example.org');
  await page.goto(`/admin/users?q=${encodeURIComponent(email)}`);
  await page.getByRole('link', { name: email }).click();
  await page.locator('#budget-limit').fill('7');
  await page.getByRole('button', { name: 'Set budget' }).click();
  await expect(page.getByText(/spend at most 7 credits/)).toBeVisible();
  await looksRight(page);
  await page.locator('form[aria-labelledby="question"] button').click();
  await expect(page.getByText('Set by an admin')).toBeVisible();
  await own.goto('/account');
  await expect(own.getByText('Set by an admin')).toBeVisible();
  await page.getByRole('link', { name: 'Erase…' }).click();
  await page.locator('#typed-email').fill(email);
  await looksRight(page);
  await page.locator('form[aria-labelledby="question"] button').click();
  await page.waitForURL('**/admin/users');
  await own.goto('/account');
  await own.waitForURL(/sign-in/);
  await context.close();
});
