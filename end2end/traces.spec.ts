// The trace of a request: found by its id, shown with its times, and what it was charged given back; with a script and without.
import { execFileSync } from 'node:child_process';
import type { Page } from '@playwright/test';
import { PASSWORD, expect, expectAccessible, expectNoOverflow, signUp, test } from './fixtures';

/** The command line of the server whose page this is. */
const admin = (...words: string[]) =>
  execFileSync('target/release/tessera', ['admin', ...words], { cwd: '..', env: { ...process.env, DATA_DIR: 'end2end/test-results/data' }, stdio: 'ignore' });

async function signIn(page: Page, email: string) {
  await page.context().clearCookies();
  await page.goto('/sign-in?next=%2Fadmin%2Ftraces');
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL('**/admin/traces');
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

    test('a request is found by its id, and what it was charged is given back once', async ({ page, complaints }) => {
      const email = await signUp(page);
      const asked = await page.request.post('/api/chat', { data: { message: 'hello' } });
      expect(asked.status()).toBe(200);
      const id = asked.headers()['x-request-id'];
      admin('grant', email);
      await signIn(page, email);
      await look(page, script);
      await expect(async () => {
        await page.goto('/admin/traces');
        await page.getByLabel('Request ID').fill(id);
        await page.getByRole('button', { name: 'Search' }).click();
        await expect(page.getByText('POST /api/chat')).toBeVisible({ timeout: 1000 });
      }).toPass();
      await expect(page.getByText('Nothing left open')).toBeVisible();
      await expect(page.getByRole('listitem').filter({ hasText: 'Provider request' })).toContainText('outcome: ok');
      await look(page, script);
      await page.getByLabel('Reason (the user can read it)').fill('The answer was cut');
      await page.getByRole('button', { name: 'Give back' }).click();
      await expect(page.getByText('Reason: The answer was cut')).toBeVisible();
      await look(page, script);
      await page.getByRole('button', { name: 'Confirm' }).click();
      await expect(page.getByText('Done.')).toBeVisible();
      await expect(page.getByText(/Given back as goodwill/)).toBeVisible();
      await expect(page.getByRole('button', { name: 'Give back' })).toHaveCount(0);

      await page.goto('/admin/operations');
      await page.getByLabel('Filter, such as').fill('warn,tessera=info');
      await page.getByRole('button', { name: 'Set level' }).click();
      await expect(page.getByText('warn,tessera=info')).toBeVisible();
      await look(page, script);
      await page.getByRole('button', { name: 'Back to RUST_LOG' }).click();
      await expect(page.getByRole('button', { name: 'Back to RUST_LOG' })).toHaveCount(0);
      // What was asked for early is of no use without a script.
      if (!script) complaints.splice(0, complaints.length, ...complaints.filter((complaint) => !/\.js csp$/.test(complaint)));
    });
  });
}
