// What people do with conversations: search, pin, branch, export, share, and tell the model how to answer.
import { readFile } from 'node:fs/promises';
import { expect, expectAccessible, expectComplaints, expectNoOverflow, hydrated, lastAnswer, send, signUp, test } from './fixtures';
import type { Page } from '@playwright/test';

test.beforeEach(async ({ page }) => {
  await signUp(page);
});

const sidebar = (page: Page) => page.getByRole('navigation', { name: 'Conversations' });

/** A conversation of its own, complete. */
async function talk(page: Page, message: string) {
  await hydrated(page);
  if (!page.url().endsWith('/chat')) {
    await sidebar(page).getByRole('link', { name: 'New chat' }).click();
    await page.waitForURL('**/chat');
  }
  await send(page, `${message} #tokens=2`);
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
}

/** Opens the menu of a conversation and presses a line of it. */
async function choose(page: Page, title: RegExp, line: string) {
  await sidebar(page).getByRole('button', { name: title }).first().click();
  await page.getByRole('group', { name: 'Conversation' }).getByRole('button', { name: line, exact: true }).click();
}

test('pinned conversations stand above the others, also after a reload', async ({ page }) => {
  await talk(page, 'first topic');
  await talk(page, 'second topic');
  const links = sidebar(page).getByRole('link', { name: /topic/ });
  await expect(links).toHaveText([/second/, /first/]);
  await expect(sidebar(page).getByRole('list', { name: 'Pinned' })).toBeHidden();
  await choose(page, /first topic/, 'Pin');
  const pinned = sidebar(page).getByRole('list', { name: 'Pinned' });
  await expect(pinned.getByRole('link')).toHaveText([/first/]);
  await page.reload();
  await hydrated(page);
  await expect(links).toHaveText([/first/, /second/]);
  await expectAccessible(page);
  await choose(page, /first topic/, 'Unpin');
  await expect(pinned).toBeHidden();
});

test('search finds what was said, and Escape leads back', async ({ page }) => {
  await talk(page, 'about mosaics');
  await talk(page, 'about bridges');
  const field = sidebar(page).getByRole('searchbox');
  await field.fill('MOSAIC');
  const results = sidebar(page).getByRole('list', { name: 'Search results' });
  await expect(results.getByRole('link')).toHaveText([/mosaics/]);
  await expect(sidebar(page).getByText('1 conversation', { exact: true })).toBeVisible();
  await expect(sidebar(page).getByRole('link', { name: /bridges/ })).toBeHidden();
  await expectAccessible(page);
  await results.getByRole('link').click();
  await expect(page.locator('li[data-author="user"]')).toContainText('mosaics');
  await field.fill('nobody said this');
  await expect(sidebar(page).getByText('No results for “nobody said this”.')).toBeVisible();
  await field.press('Escape');
  await expect(field).toHaveValue('');
  await expect(sidebar(page).getByRole('link', { name: /bridges/ })).toBeVisible();
  await field.fill('word1');
  await expect(results.getByRole('link')).toHaveCount(2);
  await expect(results.getByText('word1 word2')).toHaveCount(2);
  await sidebar(page).getByRole('button', { name: 'Clear' }).click();
  await expect(field).toBeFocused();
  await expect(results).toHaveCount(0);
});

test('a branch goes on from a message and leaves the rest behind', async ({ page }) => {
  await talk(page, 'the question');
  await send(page, 'one more #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  const original = page.url();
  const messages = page.locator('li[data-author]');
  await expect(messages).toHaveCount(4);
  await messages.nth(1).getByRole('button', { name: 'Branch from here' }).click();
  await page.waitForURL((url) => url.href !== original);
  await expect(messages).toHaveCount(2);
  await expect(sidebar(page).getByRole('link', { name: /\(branch\)/ })).toHaveAttribute('aria-current', 'page');
  await expect(messages.nth(1)).toContainText('free');
  await expect(page.getByText('8 credits').first()).toBeVisible();
  // From a question that this page has sent itself.
  await send(page, 'another way #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  const branch = page.url();
  await messages.nth(2).getByRole('button', { name: 'Branch from here' }).click();
  await page.waitForURL((url) => url.href !== branch);
  await expect(messages).toHaveCount(3);
});

test('a system prompt is kept with its conversation', async ({ page }) => {
  await talk(page, 'a question');
  const dialog = page.getByRole('dialog', { name: 'System prompt' });
  const text = dialog.getByRole('textbox');
  await choose(page, /a question/, 'System prompt…');
  await expect(text).toBeEnabled();
  await expect(text).toHaveValue('');
  await text.fill('Answer in verse.');
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toBeHidden();
  await page.reload();
  await hydrated(page);
  await choose(page, /a question/, 'System prompt…');
  await expect(text).toHaveValue('Answer in verse.');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(dialog).toBeHidden();
});

test('a new chat begins with its system prompt, which stays when the message is refused', async ({ page, complaints }) => {
  await hydrated(page);
  const text = page.locator('details').filter({ hasText: 'System prompt' });
  await text.locator('summary').click();
  await text.getByRole('textbox').fill('x'.repeat(4001));
  await send(page, 'prompted #tokens=1');
  await expect(page.getByText(/up to 4000 characters/)).toBeVisible();
  await expect(page.getByLabel('Message', { exact: true })).toHaveValue('prompted #tokens=1');
  expectComplaints(complaints, /status of 400/);
  await text.locator('summary').click();
  await expect(text.getByRole('textbox')).toHaveValue('x'.repeat(4001));
  await text.getByRole('textbox').fill('Be brief.');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await choose(page, /prompted/, 'System prompt…');
  await expect(page.getByRole('dialog').getByRole('textbox')).toHaveValue('Be brief.');
});

test('a conversation is exported as a file', async ({ page }) => {
  await talk(page, 'keep this');
  for (const [line, name] of [['Export as Markdown', 'keep-this-tokens-2.md'], ['Export as JSON', 'keep-this-tokens-2.json']]) {
    const downloading = page.waitForEvent('download');
    await choose(page, /keep this/, line);
    const download = await downloading;
    expect(download.suggestedFilename()).toBe(name);
    const content = await readFile(await download.path(), 'utf8');
    expect(content).toContain('word1 word2');
  }
});

test('a secret link shows the conversation to a stranger until it is revoked', async ({ page, browser }) => {
  await talk(page, 'for your eyes');
  await choose(page, /for your eyes/, 'Share…');
  const dialog = page.getByRole('dialog', { name: 'Share conversation' });
  await dialog.getByRole('button', { name: 'Create link' }).click();
  await expect(dialog.getByLabel('Link')).toHaveValue(/\/share\/[\w-]{43}$/);
  await expectAccessible(page);
  const path = new URL(await dialog.getByLabel('Link').inputValue()).pathname;
  const address = new URL(path, page.url()).href;
  const stranger = await (await browser.newContext({ viewport: { width: 360, height: 640 } })).newPage();
  await stranger.goto(address);
  await expect(stranger.getByRole('heading', { level: 1 })).toContainText('for your eyes');
  await expect(stranger.getByText('word1 word2')).toBeVisible();
  await expectNoOverflow(stranger);
  await expectAccessible(stranger);
  await dialog.getByRole('button', { name: 'Revoke link' }).click();
  await expect(dialog.getByRole('button', { name: 'Create link' })).toBeVisible();
  expect((await stranger.goto(address))?.status()).toBe(404);
});

test('the drawer of a narrow screen has all of it', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 640 });
  await hydrated(page);
  await send(page, 'small screen #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await page.getByRole('button', { name: 'Conversations' }).click();
  await sidebar(page).getByRole('searchbox').fill('small');
  await sidebar(page).getByRole('list', { name: 'Search results' }).getByRole('link').click();
  await expect(sidebar(page)).toBeHidden();
  await page.getByRole('button', { name: 'Conversations' }).click();
  await sidebar(page).getByRole('searchbox').press('Escape');
  await expect(sidebar(page)).toBeVisible();
  await choose(page, /small screen/, 'Pin');
  await expect(sidebar(page).getByRole('list', { name: 'Pinned' })).toContainText('small screen');
  await expectNoOverflow(page);
});
