// Taking everything along and erasing everything, in a browser and without a script.
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expect, expectAccessible, expectComplaints, expectNoOverflow, hydrated, lastAnswer, newEmail, PASSWORD, send, signUp, test } from './fixtures';

/** Makes the archive and looks again until it is there. */
async function makeArchive(page: Page) {
  await page.goto('/account');
  await page.getByRole('button', { name: 'Create the archive' }).click();
  await page.waitForURL(/said=export-started/);
  const download = page.getByRole('button', { name: 'Download the archive' });
  await expect(async () => {
    await page.goto('/account');
    await expect(download).toBeVisible({ timeout: 500 });
  }).toPass();
  const [file] = await Promise.all([page.waitForEvent('download'), download.click()]);
  expect(file.suggestedFilename()).toMatch(/^tessera-\d{4}-\d\d-\d\d\.zip$/);
  const bytes = readFileSync(await file.path());
  expect(bytes.subarray(0, 4).toString('latin1')).toBe('PK\x03\x04');
  expect(bytes.includes('account/profile.json')).toBe(true);
}

/** From the account page until everything is gone. */
async function eraseAll(page: Page, email: string) {
  await page.goto('/account');
  await page.getByRole('link', { name: 'Erase everything' }).click();
  await page.waitForURL('**/account/erase');
  await expect(page.getByRole('heading', { name: 'Erase everything' })).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel('Your email address, to confirm').fill(email);
  await page.getByLabel('Current password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Erase everything for good' }).click();
  await page.waitForURL('**/erasure/*');
  await expect(page.getByRole('heading', { name: 'Everything was erased' })).toBeVisible();
  await expectAccessible(page);
}

test('everything is taken along and erased', async ({ page, complaints }) => {
  const email = await signUp(page);
  await send(page, 'remember me #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await makeArchive(page);
  await hydrated(page);
  await expectAccessible(page);
  // Another address is refused where it was typed.
  await page.goto('/account/erase');
  const typed = page.getByLabel('Your email address, to confirm');
  await typed.fill('somebody@example.org');
  await page.getByRole('button', { name: 'Erase everything for good' }).click();
  await expect(typed).toHaveAttribute('aria-invalid', 'true');
  await expect(typed).toHaveValue('somebody@example.org');
  await expectAccessible(page);
  expectComplaints(complaints, /400/);
  await eraseAll(page, email);
  await page.goto('/chat');
  await page.waitForURL(/sign-in/);
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByText('Incorrect email or password')).toBeVisible();
  expectComplaints(complaints, /401/);
});

test.describe('without a script, on a phone', () => {
  test.use({ javaScriptEnabled: false, viewport: { width: 360, height: 740 } });

  test('everything is taken along and erased', async ({ page, complaints }) => {
    const email = newEmail();
    await signUp(page, email);
    await makeArchive(page);
    for (const path of ['/account', '/account/erase']) {
      await page.goto(path);
      await expect(page.locator('body')).toBeVisible();
      const box = await page.locator('main').boundingBox();
      expect(box!.x + box!.width).toBeLessThanOrEqual(360);
    }
    await page.getByLabel('Your email address, to confirm').fill(email);
    await page.getByRole('button', { name: 'Erase everything for good' }).click();
    await page.waitForURL('**/erasure/*');
    await expect(page.getByRole('heading', { name: 'Everything was erased' })).toBeVisible();
    expectComplaints(complaints, /\.js csp$/);
  });
});

test('on a phone nothing is wider than it', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await signUp(page);
  for (const path of ['/account', '/account/erase']) {
    await page.goto(path);
    await expectNoOverflow(page);
  }
});
