// Signing in with another provider: npm oidc-provider with its own pages, of which none of ours is (tests/fixtures/oidc_provider.mjs).
import { type Page } from '@playwright/test';

import { PASSWORD, expect, expectAccessible, expectComplaints, expectNoOverflow, hydrated, signUp, test } from './fixtures';

const first = Number(process.env.E2E_PORT ?? 24110);
const provider = `http://127.0.0.1:${first + 6}`;
test.use({ baseURL: `http://127.0.0.1:${first + 2}` });

// The pages of the package ask for a font of another site, and there is no icon: nothing of that leaves this machine, or is complained of.
test.beforeEach(async ({ context }) => {
  await context.route('https://fonts.googleapis.com/**', (route) => route.fulfill({ contentType: 'text/css', body: '' }));
  await context.route(`${provider}/favicon.ico`, (route) => route.fulfill({ contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg"/>' }));
});

const withExample = (page: Page) => page.getByRole('button', { name: 'Continue with Example ID' }).click();

/** What somebody does at the provider who is not signed in there. */
async function signInThere(page: Page, name: string) {
  await page.locator('input[name="login"]').fill(name);
  await page.locator('input[name="password"]').fill('any');
  await page.locator('button[type="submit"]').click();
  await page.getByRole('button', { name: 'Continue' }).click();
}

async function signOut(page: Page) {
  await page.context().clearCookies({ name: 'tessera_session' });
}

test('somebody comes by another provider, goes and comes back', async ({ page, complaints }) => {
  await page.goto('/sign-in?next=%2Fimages');
  await expectAccessible(page);
  await expectNoOverflow(page);
  await withExample(page);
  await signInThere(page, 'verified.grace');
  await page.waitForURL('**/images');
  await page.goto('/account');
  await hydrated(page);
  await expect(page.getByRole('definition').filter({ hasText: 'grace@example.org' })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Sign-in methods' })).toBeVisible();
  await expectAccessible(page);
  // The last way in stays, until there is another.
  await page.getByRole('button', { name: 'Unlink' }).click();
  await expect(page.getByText('This is your only way to sign in.')).toBeVisible();
  expectComplaints(complaints, /409/);
  await page.goto('/account');
  await page.getByLabel('Set a password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Set a password' }).click();
  await page.waitForURL('**/account#ways');
  await expect(page.getByLabel('Set a password')).toHaveCount(0);
  // Enter in the field of the password presses none of the buttons.
  await page.evaluate(() => document.addEventListener('submit', (event) => {
    event.preventDefault();
    document.body.dataset.sent = 'yes';
  }));
  await page.locator('#ways-password').fill(PASSWORD);
  await page.locator('#ways-password').press('Enter');
  expect(await page.evaluate(() => document.body.dataset.sent)).toBeUndefined();
  await signOut(page);
  await page.goto('/sign-up');
  await withExample(page);
  // The provider knows them still.
  await page.waitForURL('**/chat');
});

test('an address that has an account is linked by signing in once', async ({ page }) => {
  await signUp(page, 'linus@example.org');
  await signOut(page);
  await page.goto('/sign-in?next=%2Fdashboard');
  await withExample(page);
  await signInThere(page, 'unverified.linus');
  await expect(page.getByText('Your email address already has an account here.')).toBeVisible();
  await page.getByLabel('Email').fill('linus@example.org');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL('**/dashboard');
  await page.goto('/account');
  await page.getByRole('button', { name: 'Unlink' }).click();
  await page.waitForURL('**/account#ways');
  await page.getByRole('button', { name: 'Link Example ID' }).click();
  await page.waitForURL('**/account#ways');
  await expect(page.getByRole('button', { name: 'Unlink' })).toBeVisible();
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('the way there and back needs none, and who changes their mind is told so calmly', async ({ page, complaints }) => {
    await page.goto('/sign-in?next=%2Fdashboard');
    await withExample(page);
    await page.getByRole('link', { name: 'Cancel' }).click();
    await expect(page.getByText('You weren’t signed in with Example ID.')).toBeVisible();
    await withExample(page);
    await signInThere(page, 'silent.ada');
    await page.waitForURL('**/dashboard');
    expectComplaints(complaints, /\.js csp$/);
  });
});
