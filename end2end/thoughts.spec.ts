import { expect, expectNoOverflow, lastAnswer, send, signUp, test } from './fixtures';

test.beforeEach(async ({ page }) => {
  await signUp(page);
});

test('what the model thought stands folded above its answer, while it comes and after a reload', async ({ page }) => {
  await send(page, '#think=1200 #tokens=30 #pause=60');
  const thoughts = lastAnswer(page).locator('details[data-thoughts]');
  // It is told with the first word, while the answer still comes.
  await expect(thoughts.locator('summary')).toHaveText('Thought for 2 s');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'running');
  await expect(thoughts.getByText('First I look. Then I count.')).toBeHidden();
  // By keyboard, and it stays open while more of the answer comes.
  await thoughts.locator('summary').focus();
  await page.keyboard.press('Enter');
  await expect(thoughts.getByText('First I look. Then I count.')).toBeVisible();
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete', { timeout: 30_000 });
  await page.reload();
  await expect(thoughts.locator('summary')).toHaveText('Thought for 2 s');
  await expect(thoughts.getByText('First I look. Then I count.')).toBeHidden();
  await thoughts.locator('summary').click();
  await expect(thoughts.getByText('First I look. Then I count.')).toBeVisible();
  await expectNoOverflow(page);
});

test('thoughts are no part of what is copied', async ({ page, context, browserName }) => {
  test.skip(browserName !== 'chromium', 'others give no permission to read the clipboard');
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await send(page, '#think=10 #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await lastAnswer(page).getByRole('button', { name: 'Copy' }).first().click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('word1 word2 ');
});

test('without a script they unfold too', async ({ page, browser }) => {
  await send(page, '#think=10 #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  const still = await browser.newContext({ javaScriptEnabled: false, storageState: await page.context().storageState() });
  const reader = await still.newPage();
  await reader.goto(page.url());
  await reader.locator('details[data-thoughts] summary').click();
  await expect(reader.getByText('First I look. Then I count.')).toBeVisible();
  await still.close();
});
