// Signing in with Clerk, which clerk.mjs plays: the way there and back, the handshake, and out; with a script and without.
import type { Page } from '@playwright/test';

import { expect, expectAccessible, hydrated, test } from './fixtures';

const first = Number(process.env.E2E_PORT ?? 24110);
const clerk = `http://localhost:${first + 7}`;
const site = `http://127.0.0.1:${first + 8}`;
test.use({ baseURL: site });

/** The addresses of documents that the browser asks Clerk for. */
function asked(page: Page) {
  const paths: string[] = [];
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin === clerk && request.isNavigationRequest()) paths.push(url.pathname);
  });
  return paths;
}

async function signIn(page: Page) {
  await expect(page.getByRole('heading', { name: 'Account Portal' })).toBeVisible();
  await page.getByRole('button', { name: 'Continue as Ada' }).click();
}

for (const script of [true, false]) {
  test.describe(script ? 'with a script' : 'without a script', () => {
    test.use({ javaScriptEnabled: script });

    test('somebody signs in there, comes back by a handshake, and signs out of both', async ({ page, complaints }) => {
      const paths = asked(page);
      await page.goto('/images');
      await signIn(page);
      await page.waitForURL(`${site}/images`);
      expect(paths).toContain('/v1/client/handshake');
      // None of it stays in the address, where it would be kept in the history.
      expect(page.url()).not.toContain('__clerk');
      await page.goto('/account');
      await expect(page.getByText('ada.of.clerk@example.org').first()).toBeAttached();
      await expect(page.getByRole('heading', { name: 'Change password' })).toHaveCount(0);
      if (script) {
        await hydrated(page);
        await expectAccessible(page, '#main');
      }

      // A token lasts a minute. Without one, the browser is sent there and comes back by itself.
      await page.context().clearCookies({ name: /^__session/, domain: '127.0.0.1' });
      paths.length = 0;
      await page.goto('/dashboard');
      await page.waitForURL(`${site}/dashboard`);
      expect(paths).toEqual(['/v1/client/handshake']);

      if (script) await hydrated(page);
      // The menu is a popover, which needs no script.
      await page.getByRole('button', { name: /account/i }).click();
      await page.getByRole('button', { name: 'Sign out' }).press('Enter');
      await page.waitForURL(`${site}/`);
      await page.goto('/chat');
      // The session has ended there too: nobody comes back without signing in.
      await expect(page.getByRole('heading', { name: 'Account Portal' })).toBeVisible();
      await signIn(page);
      await page.waitForURL(`${site}/chat`);
      // What was asked for early is of no use without a script.
      if (!script) complaints.splice(0, complaints.length, ...complaints.filter((complaint) => !/\.js csp$/.test(complaint)));
    });
  });
}
