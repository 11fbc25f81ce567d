// A page that reports whatever the browser complains about, and a signed-up user.
import AxeBuilder from '@axe-core/playwright';
import { test as base, expect, type Page } from '@playwright/test';

export const PASSWORD = 'correct horse battery';

let count = 0;
export const newEmail = () => `u${Date.now()}-${process.pid}-${count++}@example.org`;

export async function signUp(page: Page, email = newEmail()) {
  await page.goto('/sign-up');
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.waitForURL('**/chat');
  return email;
}

/** Hydrated: the app has taken over what the server rendered. */
export async function hydrated(page: Page) {
  await page.waitForFunction(() => document.documentElement.dataset.hydrated !== undefined);
}

export async function send(page: Page, message: string) {
  await hydrated(page);
  await page.getByLabel('Message', { exact: true }).fill(message);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
}

/** Chooses who answers. */
export async function pick(page: Page, provider: string) {
  await hydrated(page);
  await page.getByRole('button', { name: /^Model:/ }).click();
  await page.getByRole('radio', { name: provider, exact: true }).click();
  await expect(page.getByRole('button', { name: new RegExp(`^Model: ?${provider}$`) })).toBeVisible();
}

export const composer = (page: Page) => page.getByLabel('Message', { exact: true });

export const lastAnswer = (page: Page) => page.locator('li[data-author="assistant"]').last();

/** `part`: only what is in there, where the rest of a long page has been looked at. */
export async function expectAccessible(page: Page, part?: string) {
  // Another theme fades in: a colour half-way has no contrast of its own.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((animation) => animation instanceof CSSTransition).map((animation) => animation.finished)));
  const axe = new AxeBuilder({ page });
  const { violations } = await (part ? axe.include(part) : axe).analyze();
  expect(violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join('\n')}`)).toEqual([]);
}

export async function expectNoOverflow(page: Page) {
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0);
}

/** The browser reports answers that are no success; here they are what was asked for. */
export function expectComplaints(complaints: string[], expected: RegExp) {
  expect(complaints.filter((complaint) => expected.test(complaint)).length).toBeGreaterThan(0);
  complaints.splice(0, complaints.length, ...complaints.filter((complaint) => !expected.test(complaint)));
}

export const test = base.extend<{ complaints: string[] }>({
  complaints: [
    async ({ page }, use) => {
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
      });
      page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
      page.on('requestfailed', (request) => {
        // A page that is left drops its streams.
        if (request.failure()?.errorText !== 'net::ERR_ABORTED') complaints.push(`failed: ${request.url()} ${request.failure()?.errorText}`);
      });
      await page.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', (event) =>
          console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`),
        );
      });
      await use(complaints);
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };
