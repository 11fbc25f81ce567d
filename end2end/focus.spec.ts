// Where the focus is, and what one can do from there with keys alone; and that nobody gets stuck.
import type { Page } from '@playwright/test';
import { composer, expect, expectComplaints, hydrated, lastAnswer, send, signUp, test } from './fixtures';

const focused = (page: Page) => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '');

async function answered(page: Page, question: string) {
  await send(page, question);
  await expect(lastAnswer(page)).not.toHaveAttribute('data-state', 'running');
}

test('one writes at once, and comes back to where one was', async ({ page }) => {
  await signUp(page);
  await hydrated(page);
  await expect(composer(page)).toBeFocused();
  await answered(page, 'first #tokens=2');
  const conversation = page.url();
  await page.getByRole('link', { name: 'New chat' }).first().click();
  await page.waitForURL('**/chat');
  await expect(composer(page)).toBeFocused();
  await page.goto(conversation);
  await hydrated(page);
  await expect(composer(page)).toBeFocused();

  // The editor: by key and back, then sent by key.
  const edit = page.getByRole('button', { name: 'Edit', exact: true });
  await edit.focus();
  await page.keyboard.press('Enter');
  const editor = page.getByLabel('Edited text');
  await expect(editor).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(edit).toBeFocused();
  await page.keyboard.press('Enter');
  await editor.fill('second #tokens=2');
  await editor.press('Control+Enter');
  await expect(page.locator('li[data-author="user"] p')).toHaveText('second #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await expect(composer(page)).toBeFocused();

  // A button that copies says so; one that is gone leaves the focus where one writes.
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const copy = lastAnswer(page).getByRole('button', { name: 'Copy', exact: true });
  await copy.click();
  await expect(copy).toHaveAttribute('data-copied', 'Copied');
  await expect(copy).not.toHaveAttribute('data-copied');
  await lastAnswer(page).getByRole('button', { name: 'Try again' }).first().click();
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await expect(composer(page)).toBeFocused();
});

test('dialogs give the focus back, and arrows go through menus', async ({ page }) => {
  await signUp(page);
  await answered(page, 'a dialog #tokens=1');
  await page.getByRole('button', { name: 'Account', exact: true }).click();
  await page.keyboard.press('ArrowDown');
  expect(await focused(page)).toContain('Credits and activity');
  await page.keyboard.press('ArrowDown');
  expect(await focused(page)).toContain('Account and API keys');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  expect(await focused(page)).toContain('Sign out');
  await page.keyboard.press('Escape');
  expect(await focused(page)).toBe('Account');

  const options = page.getByRole('button', { name: /^Options for/ });
  for (const item of ['Rename', 'Share…', 'Delete']) {
    await options.focus();
    await page.keyboard.press('Enter');
    const line = page.locator(':popover-open').getByRole('button', { name: item, exact: true });
    await line.focus();
    await page.keyboard.press('Enter');
    await expect(page.locator('dialog[open]')).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(page.locator('dialog[open]')).toHaveCount(0);
    await expect(options, item).toBeFocused();
  }
});

test('the conversations can be skipped', async ({ page }) => {
  await signUp(page);
  await answered(page, 'to be skipped #tokens=1');
  await page.getByLabel('Search conversations').focus();
  await page.keyboard.press('Tab');
  expect(await focused(page)).toBe('Skip the conversations');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.closest('main') !== null)).toBe(true);
});

test('without credits one learns whom to ask, and comes back to the text', async ({ page, complaints }) => {
  await signUp(page);
  for (let left = 10; left > 0; left--) await page.request.post('/api/chat', { data: { message: `${left} #tokens=1` } });
  await page.reload();
  await hydrated(page);
  await expect(page.getByText('You have no credits left.')).toBeVisible();
  const button = page.getByRole('button', { name: 'Send', exact: true });
  await composer(page).fill('not lost');
  const background = (selector: string) => page.locator(selector).evaluate((element) => getComputedStyle(element).backgroundColor);
  await expect.poll(() => background('#composer-form [type=submit]'), 'not blue').toBe(await background('#composer-form'));
  await button.click();
  await expect(composer(page)).toHaveValue('not lost');
  await page.getByRole('link', { name: 'Get more credits' }).click();
  await expect(page.getByRole('heading', { name: 'Buying is switched off here' })).toBeVisible();
  await page.getByRole('link', { name: 'Back to your text' }).click();
  await expect(composer(page)).toHaveValue('not lost');
  expectComplaints(complaints, /status of 402/);
});

test('a password can be looked at, and is sent as one', async ({ page }) => {
  await page.goto('/sign-in');
  const field = page.locator('#password');
  await field.fill('correct horse');
  await page.getByRole('button', { name: 'Show password' }).click();
  await expect(field).toHaveAttribute('type', 'text');
  await field.evaluate((field: HTMLInputElement) => field.form!.dispatchEvent(new SubmitEvent('submit', { cancelable: true })));
  await expect(field).toHaveAttribute('type', 'password');
});
