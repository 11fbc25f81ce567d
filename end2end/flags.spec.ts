// Flags and the announcement: an admin switches something off, and users read so; with a script and without.
import { execFileSync } from 'node:child_process';
import type { Page } from '@playwright/test';
import { PASSWORD, composer, expect, expectAccessible, expectComplaints, expectNoOverflow, hydrated, send, signUp, test } from './fixtures';

/** Somebody new, whom the command line makes an admin. */
async function signInAsAdmin(page: Page) {
  const email = await signUp(page);
  execFileSync('target/release/tessera', ['admin', 'grant', email], {
    cwd: '..',
    env: { ...process.env, DATA_DIR: 'end2end/test-results/data' },
  });
  // Another role ends the sessions.
  await page.context().clearCookies();
  await page.goto('/sign-in?next=%2Fadmin%2Fflags');
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL('**/admin/flags');
}

const card = (page: Page, name: string) => page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) });

async function setState(page: Page, name: string, state: string) {
  await page.goto('/admin/flags');
  await card(page, name).getByRole('link', { name: `Change ${name}`, exact: true }).click();
  await page.getByLabel('State').selectOption(state);
  await page.getByRole('button', { name: 'Change', exact: true }).click();
  // It asks once.
  await expect(page.getByText(`Set ${name} to`)).toBeVisible();
  await page.getByRole('button', { name: 'Confirm' }).click();
  await expect(page.getByText('Done.')).toBeVisible();
}

async function announce(page: Page, text: string, dismissible = true) {
  await page.goto('/admin/flags');
  await page.getByLabel('Text in English').fill(text);
  await page.getByLabel('People can close it').setChecked(dismissible);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Confirm' }).click();
  await expect(page.getByText('Done.')).toBeVisible();
}

async function lookAtAllSizes(page: Page, script: boolean) {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const width of [360, 1280]) {
      await page.setViewportSize({ width, height: 740 });
      await expectNoOverflow(page);
      if (script) await expectAccessible(page);
    }
  }
}

for (const script of [true, false]) {
  test.describe(script ? 'with a script' : 'without a script', () => {
    test.use({ javaScriptEnabled: script });

    test('an admin switches chat off and on, and users read why', async ({ page, browser, complaints }) => {
      await signInAsAdmin(page);
      await lookAtAllSizes(page, script);
      await setState(page, 'Chat', 'off');
      await expect(card(page, 'Chat')).toContainText('For no one');
      const other = await browser.newContext();
      const user = await other.newPage();
      await signUp(user);
      await expect(user.getByText('Chat is switched off for now.').first()).toBeVisible();
      if (script) await send(user, 'Hello');
      else {
        await composer(user).fill('Hello');
        await user.getByRole('button', { name: 'Send', exact: true }).click();
      }
      await expect(user.getByText('Chat is switched off for now.').first()).toBeVisible();
      await setState(page, 'Chat', 'on');
      await user.goto('/chat');
      await expect(user.getByText('Chat is switched off for now.')).toHaveCount(0);
      await other.close();
      // By keyboard, to a percentage, and what is refused is said.
      await card(page, 'Chat').getByRole('link', { name: 'Change Chat' }).focus();
      await page.keyboard.press('Enter');
      await page.getByLabel('State').selectOption('percent');
      await page.getByLabel('Percentage of users').fill('half');
      await page.keyboard.press('Enter');
      await expect(page.getByText('The percentage is a number from 0 to 100')).toBeVisible();
      await expect(page.getByLabel('Percentage of users')).toHaveValue('half');
      await lookAtAllSizes(page, script);
      // The page that says what was refused has its status.
      complaints.splice(0, complaints.length, ...complaints.filter((complaint) => !/status of 400/.test(complaint)));
      if (!script) expectComplaints(complaints, /\.js csp$/);
    });

    test('what is announced is on every page until it is closed', async ({ page, complaints }) => {
      await signInAsAdmin(page);
      await announce(page, 'Maintenance at noon');
      for (const path of ['/', '/chat', '/images', '/admin/users']) {
        await page.goto(path);
        await expect(page.getByRole('status').filter({ hasText: 'Maintenance at noon' })).toBeVisible();
        await lookAtAllSizes(page, false);
      }
      await page.goto('/chat');
      if (script) await hydrated(page);
      const line = page.getByRole('status').filter({ hasText: 'Maintenance at noon' });
      await line.getByRole('button').click();
      await page.waitForURL('**/chat');
      await expect(line).toHaveCount(0);
      await page.goto('/images');
      await expect(line).toHaveCount(0);
      await announce(page, '');
      if (!script) expectComplaints(complaints, /\.js csp$/);
    });
  });
}
