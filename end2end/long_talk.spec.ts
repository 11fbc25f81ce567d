// A conversation with more messages than a page shows: older ones come when one scrolls up to them, or by a link.
import { composer, expect, expectAccessible, expectNoOverflow, hydrated, lastAnswer, send, test } from './fixtures';
import type { Page } from '@playwright/test';

const EXCHANGES = 45;
// The server of playwright.config.ts where accounts have credits for that.
const site = `http://127.0.0.1:${Number(process.env.E2E_PORT ?? 24110) + 2}`;
let cookie: string;
let conversation: string;

async function post(path: string, body: object) {
  const headers = { 'content-type': 'application/json', ...(cookie && { cookie }) };
  const response = await fetch(site + path, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response;
}

test.beforeAll(async () => {
  test.setTimeout(180_000);
  const email = `${Date.now()}@example.org`;
  const registered = await post('/api/auth/register', { email, password: 'correct horse battery', name: 'Long' });
  // Beside it is that of the device, in any order.
  cookie = registered.headers.getSetCookie().find((set) => set.startsWith('tessera_session='))!.split(';')[0];
  for (let n = 0; n < EXCHANGES; n++) {
    const message = `question ${n} #tokens=30 #pause=0`;
    const answer = await post('/api/chat', conversation ? { message, conversationId: conversation } : { message });
    conversation = (await answer.json()).data.conversationId;
  }
});

test.beforeEach(async ({ page }) => {
  const [name, value] = cookie.split('=');
  await page.context().addCookies([{ name, value, url: site }]);
});

const address = () => `${site}/chat/${conversation}`;
const questions = (page: Page) => page.locator('li[data-author="user"] p');
const older = (page: Page) => page.getByRole('link', { name: 'Older messages' });

/** The first question that is seen, and how far below the top of the pane it is. */
const place = (page: Page) =>
  page.evaluate(() => {
    const list = document.querySelector('ol[aria-label]')!;
    const pane = list.closest('.overflow-y-auto')!;
    const top = pane.getBoundingClientRect().top;
    const first = [...list.querySelectorAll('li')].find((line) => line.getBoundingClientRect().bottom > top)!;
    return { text: first.textContent, top: Math.round(first.getBoundingClientRect().top - top) };
  });

const scrollTo = (page: Page, top: number) =>
  page.evaluate((top) => document.querySelector('ol[aria-label]')!.closest('.overflow-y-auto')!.scrollTo({ top }), top);

test('what a search found far above is gone to, with all that followed it', async ({ page }) => {
  await page.goto(`${site}/chat`);
  await hydrated(page);
  const list = page.getByRole('navigation', { name: 'Conversations' });
  await list.getByRole('searchbox').fill('question 10');
  await list.getByRole('list', { name: 'Search results' }).getByRole('link').click();
  const found = page.locator('li[data-author="user"]').filter({ hasText: /question 10 / });
  await expect(found).toBeFocused();
  await expect(found).toBeInViewport();
  await expect(questions(page)).toHaveCount(EXCHANGES);
  expect(page.url()).toBe(address());
});

test('a long conversation begins with its newest messages; scrolled up to, older ones come and nothing moves', async ({ page }) => {
  await page.goto(address());
  await hydrated(page);
  await expect(questions(page)).toHaveCount(20);
  await expect(questions(page).last()).toContainText(`question ${EXCHANGES - 1} `);
  await expect(questions(page).last()).toBeInViewport();
  await expectAccessible(page);
  await scrollTo(page, 250);
  const before = await place(page);
  await expect(questions(page)).toHaveCount(40);
  const after = await place(page);
  expect(after.text).toBe(before.text);
  expect(Math.abs(after.top - before.top)).toBeLessThanOrEqual(2);
  await scrollTo(page, 0);
  await expect(questions(page)).toHaveCount(EXCHANGES);
  await expect(questions(page).first()).toContainText('question 0 ');
  await expect(older(page)).toBeHidden();
});

test('with older ones on the page, one edits, branches and tries again as ever', async ({ page }) => {
  await page.goto(address());
  await hydrated(page);
  for (const shown of [40, EXCHANGES]) {
    await scrollTo(page, 0);
    await expect(questions(page)).toHaveCount(shown);
  }
  const lines = page.locator('li[data-author]');
  await lines.nth(3).getByRole('button', { name: 'Branch from here' }).click();
  await page.waitForURL((url) => url.href !== address());
  await expect(questions(page)).toHaveText([/question 0 /, /question 1 /]);
  await send(page, 'goes on #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await expect(lastAnswer(page)).toContainText('word2');
  await lastAnswer(page).getByRole('button', { name: 'Try again' }).click();
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await page.getByRole('button', { name: 'Edit' }).last().click();
  await page.getByLabel('Edited text').fill('goes otherwise #tokens=3');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(lastAnswer(page)).toContainText('word3');
  await expect(questions(page).last()).toContainText('goes otherwise');
  await page.goto(address());
  await expect(questions(page).last()).toContainText(`question ${EXCHANGES - 1} `);
});

test('the link to older messages works with the keyboard, at 360 px', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 640 });
  await page.goto(address());
  await hydrated(page);
  await expectNoOverflow(page);
  await older(page).focus();
  await page.keyboard.press('Enter');
  await expect(questions(page)).not.toHaveCount(20);
  await expect(composer(page)).toBeVisible();
  await expectNoOverflow(page);
});

test('a page of older messages that was opened by its address turns to the newest ones', async ({ page }) => {
  await page.goto(address());
  await hydrated(page);
  const link = await older(page).getAttribute('href');
  await page.goto(site + link);
  await page.waitForURL(address());
  await expect(questions(page).last()).toContainText(`question ${EXCHANGES - 1} `);
});

test('without JavaScript, links lead through a long conversation', async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 360, height: 640 } });
  const [name, value] = cookie.split('=');
  await context.addCookies([{ name, value, url: site }]);
  const page = await context.newPage();
  await page.goto(address());
  await expect(questions(page)).toHaveCount(20);
  await older(page).click();
  await page.waitForURL(/before=/);
  await expect(questions(page).last()).toContainText(`question ${EXCHANGES - 21} `);
  await older(page).click();
  await expect(questions(page).first()).toContainText('question 0 ');
  await expect(older(page)).toBeHidden();
  await page.getByRole('link', { name: 'Newest messages' }).click();
  await page.waitForURL(address());
  await context.close();
});
