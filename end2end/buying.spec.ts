// Buying credits at a scripted PayPal, from the last credit to the message that was waiting for more.
import { type Page } from '@playwright/test';

import { composer, expect, expectAccessible, expectComplaints, expectNoOverflow, hydrated, lastAnswer, send, signUp, test } from './fixtures';

const site = Number(process.env.E2E_PORT ?? 24110) + 3;
test.use({ baseURL: `http://127.0.0.1:${site}` });

const credits = (page: Page) => page.getByTitle('Balance and activity');
const atPayPal = (page: Page) => expect(page.getByRole('heading', { name: 'Scripted PayPal' })).toBeVisible();

/** Buys the smallest pack, up to PayPal. */
async function order(page: Page) {
  await page.goto('/buy-credits');
  await page.getByRole('button', { name: 'Buy for $5.00' }).click();
  await atPayPal(page);
}

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();

test('who runs out of credits buys some and goes on with the message that was not sent', async ({ page, context }) => {
  await signUp(page);
  await send(page, 'Hello');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  const chat = new URL(page.url()).pathname;
  await composer(page).fill('This one waits.');
  await expect(page.getByText('You have no credits left.')).toBeVisible();
  // Another tab, which nobody touches.
  const other = await context.newPage();
  await other.goto('/chat');
  await hydrated(other);
  await expect(credits(other)).toContainText('0');
  await page.bringToFront();

  await page.getByRole('link', { name: 'Get more credits' }).click();
  await page.waitForURL(`**/buy-credits?from=${chat}`);
  await expect(page.getByRole('heading', { name: 'Buy credits' })).toBeVisible();
  await expect(page.getByRole('listitem').filter({ hasText: '$0.03 per credit' })).toContainText('about 2,000 answers');
  await page.getByRole('button', { name: 'Buy for $20.00' }).click();
  await atPayPal(page);
  await press(page, 'Pay');
  await page.waitForURL('**/buy-credits/return?**');
  await expect(page.getByRole('heading', { name: '500 credits are yours' })).toBeVisible();
  await expect(credits(page)).toContainText('500');
  await hydrated(page);
  await expect(credits(other)).toContainText('500');
  await page.getByRole('link', { name: 'Back to your text' }).click();
  await page.waitForURL(`**${chat}`);
  await expect(composer(page)).toHaveValue('This one waits.');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');

  // What is not used goes back, and each step has its paper.
  await page.goto('/dashboard');
  await page.getByRole('link', { name: 'Refund…' }).click();
  await expect(page.getByRole('heading', { name: /Of 500 credits bought on .*, 499 are unspent: \$19\.96 back/ })).toBeVisible();
  await page.getByRole('button', { name: 'Refund $19.96' }).click();
  await page.waitForURL('**/dashboard');
  await expect(page.getByText('$19.96 refunded')).toBeVisible();
  await expect(credits(page)).toContainText('0');
  await page.getByRole('link', { name: /^R\d{4}-\d{5}$/ }).click();
  await expect(page.getByRole('heading', { name: 'Receipt' })).toBeVisible();
  await expectAccessible(page);
  const pdf = await page.request.get((await page.getByRole('link', { name: 'Download PDF' }).getAttribute('href'))!);
  expect(pdf.headers()['content-type']).toBe('application/pdf');
});

test('what comes of a payment is said, whatever it is', async ({ page }) => {
  await signUp(page);
  await order(page);
  await press(page, 'Cancel');
  await page.waitForURL('**/buy-credits/cancel?**');
  await expect(page.getByText('Nothing was charged.')).toBeVisible();
  await page.getByRole('link', { name: 'Choose a pack' }).click();
  await page.waitForURL('**/buy-credits');

  await order(page);
  await press(page, 'Pay with a declined card');
  await expect(page.getByRole('heading', { name: 'The payment was declined' })).toBeVisible();
  await page.getByRole('link', { name: 'Pay another way' }).click();
  await atPayPal(page);
  await press(page, 'Pay, pending');
  await expect(page.getByRole('heading', { name: 'PayPal is still checking the payment' })).toBeVisible();
  await hydrated(page);
  await expect(credits(page)).toContainText('1');
  const token = new URL(page.url()).searchParams.get('token');
  // The money comes: the page and the header say so by themselves.
  await page.evaluate(() => Object.assign(window, { stayed: true }));
  await page.request.post(`http://127.0.0.1:${site + 1}/checkoutnow/settle?token=${token}`, { maxRedirects: 0 });
  await expect(page.getByRole('heading', { name: '100 credits are yours' })).toBeVisible({ timeout: 30_000 });
  await expect(credits(page)).toContainText('101');
  expect(await page.evaluate(() => 'stayed' in window)).toBe(true);
});

test('somebody who never comes back gets what was paid', async ({ page }) => {
  await signUp(page);
  await order(page);
  await press(page, 'Pay and close');
  await expect
    .poll(async () => (await (await page.request.get('/api/credits')).json()).data.available, { timeout: 30_000 })
    .toBe(101);
});

for (const width of [360, 1280]) {
  test(`every page of a purchase fits and can be read at ${width} px, in both themes and languages`, async ({ page, context }) => {
    await page.setViewportSize({ width, height: 800 });
    await signUp(page);
    await order(page);
    await press(page, 'Pay');
    await expect(page.getByRole('heading', { name: '100 credits are yours' })).toBeVisible();
    const back = new URL(page.url());
    const receipt = await page.getByRole('link', { name: 'Receipt' }).getAttribute('href');
    for (const [language, theme] of [['en', 'light'], ['zh-Hans', 'dark']] as const) {
      await context.addCookies([
        { name: 'language', value: language, url: back.origin },
        { name: 'theme', value: theme, url: back.origin },
      ]);
      for (const path of ['/buy-credits?from=/chat', back.pathname + back.search, '/buy-credits/cancel', '/buy-credits/refund', '/dashboard', receipt!]) {
        await page.goto(path);
        await expectNoOverflow(page);
        await expectAccessible(page);
      }
    }
  });
}

test('with the keyboard alone', async ({ page }) => {
  await signUp(page);
  await page.goto('/buy-credits');
  await hydrated(page);
  const buy = page.getByRole('button', { name: 'Buy for $5.00' });
  await page.getByRole('heading', { name: 'Buy credits' }).click();
  for (let steps = 0; steps < 20 && !(await buy.evaluate((button) => button === document.activeElement)); steps++) {
    await page.keyboard.press('Tab');
  }
  await expect(buy).toBeFocused();
  await page.keyboard.press('Enter');
  await atPayPal(page);
  await page.getByRole('button', { name: 'Pay', exact: true }).focus();
  await page.keyboard.press('Enter');
  const goOn = page.getByRole('link', { name: 'Go to chat' }).first();
  await expect(goOn).toBeVisible();
  await hydrated(page);
  await goOn.focus();
  await page.keyboard.press('Enter');
  await page.waitForURL('**/chat');
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a pack is bought, a message waits meanwhile, and papers have what one typed', async ({ page, complaints }) => {
    await signUp(page);
    await composer(page).fill('Hello');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.waitForURL(/\/chat\/[0-9a-f-]{36}$/);
    await page.getByRole('link', { name: 'Get more credits' }).click();
    await page.getByText('Details for your receipts').click();
    await page.getByLabel('Name or company').fill('王小明 & Co.');
    await page.getByLabel('Country').fill('CN');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Buy for $5.00' }).click();
    await atPayPal(page);
    await press(page, 'Pay');
    await expect(page.getByRole('heading', { name: '100 credits are yours' })).toBeVisible();
    await page.getByRole('link', { name: 'Receipt' }).click();
    await expect(page.getByText('王小明 & Co.')).toBeVisible();
    // What was asked for early, of no use here.
    expectComplaints(complaints, /\.js csp$/);
  });
});

test('where nothing is sold, the page says so and whom to ask', async ({ page, complaints }) => {
  await page.goto(`http://127.0.0.1:${site - 3}/sign-up`);
  await page.getByLabel('Email').fill(`u${Date.now()}@example.org`);
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.waitForURL('**/chat');
  await page.goto(`http://127.0.0.1:${site - 3}/buy-credits`);
  await expect(page.getByRole('heading', { name: 'Buying is switched off here' })).toBeVisible();
  await expectAccessible(page);
  expect(complaints).toEqual([]);
});

for (const script of [true, false]) {
  test.describe(script ? 'with a script' : 'without a script', () => {
    test.use({ javaScriptEnabled: script });

    test('somebody subscribes, and ends it again', async ({ page, complaints }) => {
      await signUp(page);
      await page.goto('/buy-credits');
      const plan = page.getByRole('region', { name: 'Subscriptions' }).getByRole('listitem').filter({ hasText: '$15.00 a month' });
      await expect(plan).toContainText('Up to 60 requests a minute');
      await page.getByRole('button', { name: 'Subscribe' }).click();
      await atPayPal(page);
      await press(page, 'Cancel');
      await page.waitForURL('**/buy-credits/cancel?**');
      await page.goto('/buy-credits?from=/chat');
      await page.getByRole('button', { name: 'Subscribe' }).click();
      await atPayPal(page);
      await press(page, 'Agree');
      await page.waitForURL('**/buy-credits/return?**');
      await expect(page.getByRole('heading', { name: 'Plus is yours' })).toBeVisible();
      await expect(page.getByRole('link', { name: 'Back to your text' })).toHaveAttribute('href', '/chat');
      await page.locator('#main').getByRole('link', { name: 'Your credits', exact: true }).click();
      await page.waitForURL('**/dashboard');
      const own = page.getByRole('region', { name: 'Your plan' });
      await expect(own).toContainText('Renews on');
      await expectNoOverflow(page);
      await own.getByRole('button', { name: 'Cancel subscription' }).click();
      await page.waitForURL('**/dashboard');
      await expect(own).toContainText('doesn’t renew');
      await expect(own.getByRole('button')).toHaveCount(0);
      // The app is not loaded.
      if (!script) expectComplaints(complaints, /\.js csp$/);
    });
  });
}
