// What is given on top of a purchase and for bringing somebody: told before, there after, without a script too.
import { type Page } from '@playwright/test';

import { expect, expectAccessible, expectNoOverflow, signUp, test } from './fixtures';

const site = Number(process.env.E2E_PORT ?? 24110) + 10;
test.use({ baseURL: `http://127.0.0.1:${site}`, viewport: { width: 360, height: 740 } });

const available = async (page: Page) => (await (await page.request.get('/api/credits')).json()).data.available;

/** Where the own link of somebody new leads to, at this site. */
async function ownLink(page: Page) {
  await signUp(page);
  await page.goto('/dashboard');
  const invite = page.getByRole('region', { name: 'Invite others' });
  await expect(invite).toContainText('You can be rewarded for 3 people at most.');
  const link = new URL((await invite.getByRole('link').getAttribute('href'))!);
  expect(await available(page)).toBe(21);
  return link.pathname + link.search;
}

async function buy(page: Page) {
  await page.getByRole('button', { name: 'Buy for $20.00' }).click();
  await expect(page.getByRole('heading', { name: 'Scripted PayPal' })).toBeVisible();
  await page.getByRole('button', { name: 'Pay', exact: true }).click();
  await page.waitForURL('**/buy-credits/return?**');
}

for (const script of [true, false]) {
  test(`who was brought gets what was promised, ${script ? 'with' : 'without'} a script`, async ({ page, browser }) => {
    const link = await ownLink(page);
    const context = await browser.newContext({ baseURL: `http://127.0.0.1:${site}`, javaScriptEnabled: script, viewport: { width: 360, height: 740 } });
    const friend = await context.newPage();
    // Without an account, by way of signing up.
    await friend.goto(link);
    await friend.getByRole('link', { name: 'Sign up' }).first().click();
    await friend.getByLabel('Email').fill(`friend-${Date.now()}-${script}@example.org`);
    await friend.getByLabel('Password').fill('correct horse battery');
    await friend.getByRole('button', { name: 'Sign up' }).click();
    await friend.waitForURL('**/buy-credits?invited=*');
    await expect(friend.getByRole('heading', { name: 'You were invited' })).toBeVisible();
    await expectNoOverflow(friend);
    await friend.getByRole('button', { name: 'Accept the invitation' }).click();
    await expect(friend.getByText('40 credits come with the first pack you buy.')).toBeVisible();
    await expect(friend.getByText('+50 free: First purchase, until 31 Dec 2099')).toBeVisible();
    await buy(friend);
    await expect(friend.getByRole('heading', { name: '590 credits are yours' })).toBeVisible();
    await friend.getByRole('link', { name: 'Receipt' }).click();
    await expect(friend.getByText('Plus 90 free credits.')).toBeVisible();
    await expectNoOverflow(friend);
    expect(await available(friend)).toBe(611);
    expect(await available(page)).toBe(61);
    await friend.goto('/buy-credits');
    await expect(friend.getByText('First purchase')).toHaveCount(0);
    await context.close();
  });
}

test('the pages can be read in both languages and themes', async ({ page, context }) => {
  const link = await ownLink(page);
  for (const [language, theme] of [['en', 'dark'], ['zh-Hans', 'light']] as const) {
    await context.addCookies([
      { name: 'language', value: language, url: `http://127.0.0.1:${site}` },
      { name: 'theme', value: theme, url: `http://127.0.0.1:${site}` },
    ]);
    for (const path of [link, '/dashboard']) {
      await page.goto(path);
      await expectNoOverflow(page);
      await expectAccessible(page);
    }
  }
});
