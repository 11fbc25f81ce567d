// Passkeys, with the authenticator that Chromium plays for tests (WebAuthn's virtual authenticator). They need a name, so this is the
// server at localhost.
import type { CDPSession, Page } from '@playwright/test';
import { expect, expectAccessible, expectNoOverflow, hydrated, PASSWORD, signUp, test } from './fixtures';

const port = Number(process.env.E2E_PORT ?? 24110) + 5;
test.use({ baseURL: `http://localhost:${port}` });

/** A device with a fingerprint reader; `know`: whether it knows whoever touches it. */
async function device(page: Page) {
  const cdp: CDPSession = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable', { enableUI: false });
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  const know = (isKnown: boolean) => cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: isKnown });
  const keys = async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;
  return { know, keys };
}

async function addPasskey(page: Page, name: string) {
  await page.goto('/account');
  await hydrated(page);
  await page.getByRole('link', { name: 'Add a passkey' }).click();
  await page.waitForURL('**/account/passkeys/new');
  await page.getByLabel('Name').fill(name);
  await page.getByRole('button', { name: 'Add a passkey' }).click();
}

async function signOut(page: Page) {
  await page.goto('/chat');
  await hydrated(page);
  await page.getByRole('button', { name: /account/i }).click();
  await page.getByText('Sign out', { exact: true }).click();
  await page.waitForURL(/localhost:\d+\/$/);
}

const entry = (page: Page, name: string) => page.getByRole('listitem').filter({ hasText: name });

test('a passkey is added, signs in by the button, is renamed and removed', async ({ page }) => {
  const virtual = await device(page);
  // Only the button: as soon as the device knows who is there, the field for the address would sign in without it.
  await page.addInitScript(() => { PublicKeyCredential.isConditionalMediationAvailable = async () => false; });
  await signUp(page);
  await addPasskey(page, 'My laptop');
  await page.waitForURL('**/account?said=passkey-added#passkeys');
  await expect(page.getByText('The passkey is added.')).toBeVisible();
  await expect(entry(page, 'My laptop')).toContainText('Never used');
  const [key] = await virtual.keys();
  expect([key.isResidentCredential, key.rpId]).toEqual([true, 'localhost']);
  await expectAccessible(page);

  await signOut(page);
  // Whoever is there is not known, so nothing is offered.
  await virtual.know(false);
  await page.goto('/sign-in?next=%2Fdashboard');
  await expect(page.getByLabel('Email')).toHaveAttribute('autocomplete', 'username webauthn');
  const button = page.getByRole('button', { name: 'Sign in with a passkey' });
  await expectAccessible(page);
  await page.setViewportSize({ width: 360, height: 740 });
  await expectNoOverflow(page);
  await button.click();
  await expect(page.getByText('No passkey was used. Try again, or sign in another way.')).toBeVisible();
  await virtual.know(true);
  await button.click();
  await page.waitForURL('**/dashboard');

  await page.goto('/account');
  await hydrated(page);
  await expectNoOverflow(page);
  await expect(entry(page, 'My laptop')).toContainText('Last used');
  await entry(page, 'My laptop').getByText('Rename').click();
  await entry(page, 'My laptop').getByLabel('Name').fill('Old laptop');
  await entry(page, 'My laptop').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('The passkey is renamed.')).toBeVisible();
  await entry(page, 'Old laptop').getByText('Remove', { exact: true }).click();
  await expectNoOverflow(page);
  await entry(page, 'Old laptop').getByRole('button', { name: 'Remove this passkey' }).click();
  await expect(page.getByText('The passkey is removed.')).toBeVisible();
  await expect(page.getByText('You have no passkeys yet.')).toBeVisible();
});

test('the browser offers a passkey in the field for the address', async ({ page }) => {
  const virtual = await device(page);
  await signUp(page);
  await addPasskey(page, 'Phone');
  await expect(page.getByText('The passkey is added.')).toBeVisible();
  await signOut(page);
  expect((await virtual.keys()).length).toBe(1);
  // Without a touch of any button: the request of the page waits for a choice, which is made for it.
  await page.goto('/sign-in?next=%2Fimages');
  await page.waitForURL('**/images');
});

test('who gives up, or has one already, is told so', async ({ page, complaints }) => {
  const virtual = await device(page);
  await signUp(page);
  await virtual.know(false);
  await addPasskey(page, 'Phone');
  await expect(page.getByText('No passkey was created. You can try again.')).toBeVisible();
  await expectAccessible(page);
  await virtual.know(true);
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await expect(page.getByText('The passkey is added.')).toBeVisible();
  await addPasskey(page, 'The same');
  await expect(page.getByText('This device already has a passkey for your account.')).toBeVisible();
  expect((await virtual.keys()).length).toBe(1);
  expect(complaints).toEqual([]);
});

test('without a script, a passkey is renamed and removed with the password', async ({ page, browser }) => {
  await device(page);
  const email = await signUp(page);
  await addPasskey(page, 'Phone');
  await expect(page.getByText('The passkey is added.')).toBeVisible();
  const context = await browser.newContext({ javaScriptEnabled: false, baseURL: `http://localhost:${port}` });
  const plain = await context.newPage();
  await plain.goto('/sign-in');
  await expect(plain.getByRole('button', { name: 'Sign in with a passkey' })).toBeHidden();
  await plain.getByLabel('Email').fill(email);
  await plain.getByLabel('Password').fill(PASSWORD);
  await plain.getByRole('button', { name: 'Sign in', exact: true }).click();
  await plain.waitForURL('**/chat');
  await plain.goto('/account');
  await expect(plain.getByText('JavaScript must be on')).toBeVisible();
  await entry(plain, 'Phone').getByText('Rename').click();
  await entry(plain, 'Phone').getByLabel('Name').fill('Tablet');
  await entry(plain, 'Phone').getByRole('button', { name: 'Save' }).click();
  await entry(plain, 'Tablet').getByText('Remove', { exact: true }).click();
  await entry(plain, 'Tablet').getByLabel('Current password').fill(PASSWORD);
  await entry(plain, 'Tablet').getByRole('button', { name: 'Remove this passkey' }).click();
  await expect(plain.getByText('The passkey is removed.')).toBeVisible();
  await plain.goto('/account/passkeys/new');
  await expect(plain.getByText('JavaScript must be on')).toBeVisible();
  await expect(plain.getByRole('button', { name: 'Add a passkey' })).toBeDisabled();
  await context.close();
});

test('a passkey is the second step after the password', async ({ page }) => {
  const virtual = await device(page);
  const email = await signUp(page);
  await addPasskey(page, 'Second step');
  await page.waitForURL('**/account?said=passkey-added#passkeys');
  const section = page.getByRole('region', { name: /^Two-step sign-in/ });
  await section.getByRole('button', { name: 'Use passkeys' }).click();
  await expect(page.getByText('Two-step sign-in is on.')).toBeVisible();
  const [code] = (await page.locator('pre').innerText()).trim().split('\n');
  await page.getByRole('link', { name: 'Back to your account' }).click();
  await expect(section).toContainText('After your password, you’re asked for a passkey or a recovery code.');
  await expectAccessible(page, '#main');

  const firstStep = async () => {
    await page.context().clearCookies();
    // What the browser offers on this page would sign in alone.
    await virtual.know(false);
    await page.goto('/sign-in?next=%2Fimages');
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.waitForURL('**/sign-in/second-step');
  };
  await firstStep();
  const button = page.getByRole('button', { name: 'Sign in with a passkey' });
  await expect(button).toBeVisible();
  await expectAccessible(page);
  await page.setViewportSize({ width: 360, height: 740 });
  await expectNoOverflow(page);
  await button.click();
  await expect(page.getByText('No passkey was used. Try again, or sign in another way.')).toBeVisible();
  await virtual.know(true);
  await button.click();
  await page.waitForURL('**/images');

  // A recovery code does it too.
  await page.setViewportSize({ width: 1280, height: 720 });
  await firstStep();
  await page.getByRole('textbox', { name: 'Code' }).fill(code);
  await page.getByRole('button', { name: 'Continue', exact: true }).click();
  await page.waitForURL('**/images');
});
