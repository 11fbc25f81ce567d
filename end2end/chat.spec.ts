import { expect, expectComplaints, expectNoOverflow, hydrated, lastAnswer, pick, send, signUp, test } from './fixtures';

test.beforeEach(async ({ page }) => {
  await signUp(page);
});

test('a reload in mid-answer and a second tab pick it up', async ({ page, context }) => {
  await send(page, '#tokens=40 #pause=100');
  await expect(lastAnswer(page)).toContainText('word3');
  await page.reload();
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'running');
  const second = await context.newPage();
  await second.goto(page.url());
  await expect(lastAnswer(second)).toContainText('word1 word2 word3');
  for (const tab of [page, second]) {
    await expect(lastAnswer(tab)).toHaveAttribute('data-state', 'complete', { timeout: 30_000 });
    const text = await lastAnswer(tab).innerText();
    expect(text.match(/word\d+/g)).toEqual(Array.from({ length: 40 }, (_, n) => `word${n + 1}`));
  }
  await expect(page.getByText('9 credits').first()).toBeVisible();
});

test('an answer goes on while one looks elsewhere', async ({ page }) => {
  await send(page, '#tokens=25 #pause=80 elsewhere');
  await expect(lastAnswer(page)).toContainText('word2');
  const url = page.url();
  await page.getByRole('link', { name: 'New chat' }).first().click();
  await page.waitForURL('**/chat');
  await page.getByRole('link', { name: /elsewhere/ }).first().click();
  await page.waitForURL(url);
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete', { timeout: 30_000 });
  expect((await lastAnswer(page).innerText()).match(/word\d+/g)).toHaveLength(25);
});

test('stopping keeps the text', async ({ page }) => {
  await send(page, '#tokens=500 #pause=50');
  await expect(lastAnswer(page)).toContainText('word2');
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'stopped');
  await expect(lastAnswer(page)).toContainText('word1 word2');
  await expect(page.getByRole('button', { name: 'Send', exact: true })).toBeVisible();
  await page.reload();
  await expect(lastAnswer(page)).toContainText('word1 word2');
});

test('try again and edit keep the answer as another version', async ({ page }) => {
  await send(page, 'first #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByText('8 credits').first()).toBeVisible();
  await expect(page.locator('li[data-author]')).toHaveCount(2);
  await expect(page.getByRole('group', { name: 'Version 2 of 2' })).toBeVisible();
  await page.getByRole('button', { name: 'Edit', exact: true }).last().click();
  await page.locator('li[data-author="user"] textarea').fill('second #tokens=4');
  await page.locator('li[data-author="user"]').getByRole('button', { name: /Send|Save/ }).click();
  await expect(lastAnswer(page)).toContainText('word4');
  await expect(page.locator('li[data-author]')).toHaveCount(2);
  await page.reload();
  await expect(page.locator('li[data-author="user"]')).toContainText('second');
  await expect(page.locator('li[data-author]')).toHaveCount(2);
  // Back to the first, and what is said then follows it. Focus stays where the key was pressed.
  await hydrated(page);
  await page.getByRole('button', { name: 'Previous version' }).press('Enter');
  await expect(page.getByRole('group', { name: 'Version 2 of 3' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Previous version' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('group', { name: 'Version 1 of 3' })).toBeVisible();
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await send(page, 'third #tokens=1');
  await expect(page.locator('li[data-author]')).toHaveCount(4);
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await page.getByRole('button', { name: 'Next version' }).click();
  await expect(page.locator('li[data-author]')).toHaveCount(2);
  await page.getByRole('button', { name: 'Previous version' }).click();
  await expect(page.locator('li[data-author]')).toHaveCount(4);
  await expect(page.getByText('6 credits').first()).toBeVisible();
});

test('another version is looked at while one is written', async ({ page }) => {
  await send(page, 'first #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await page.getByRole('button', { name: 'Edit', exact: true }).last().click();
  await page.locator('li[data-author="user"] textarea').fill('slow #tokens=30 #pause=100');
  await page.locator('li[data-author="user"]').getByRole('button', { name: /Send|Save/ }).click();
  await expect(lastAnswer(page)).toContainText('word2');
  await page.getByRole('button', { name: 'Previous version' }).click();
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await expect(page.getByRole('button', { name: 'Send', exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Next version' }).click();
  await expect(lastAnswer(page)).toContainText('word30', { timeout: 30_000 });
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await expect(page.getByText('8 credits').first()).toBeVisible();
});

test('another model is asked the same again', async ({ page }) => {
  await pick(page, 'Local');
  await send(page, 'same #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete', { timeout: 30_000 });
  await page.getByRole('button', { name: 'Ask another model' }).click();
  await page.getByRole('dialog', { name: 'Ask another model' }).getByRole('button', { name: /OpenAI/ }).click();
  await expect(lastAnswer(page)).toContainText('OpenAI');
  await expect(page.getByRole('group', { name: 'Version 2 of 2' })).toBeVisible();
  // Only this once.
  await expect(page.getByRole('button', { name: /^Model: ?Local$/ })).toBeVisible();
});

test('an image fits the window, opens, and is kept as a favorite', async ({ page }) => {
  await send(page, '/image 9:16 a tower');
  const image = lastAnswer(page).getByRole('img', { name: 'a tower' });
  await expect(image).toBeVisible({ timeout: 30_000 });
  await expect(lastAnswer(page)).toContainText('2 credits · image');
  await expect.poll(() => image.evaluate((shown: HTMLImageElement) => shown.complete && shown.height)).toBeTruthy();
  expect(await image.evaluate((shown) => shown.getBoundingClientRect().height / window.innerHeight)).toBeLessThan(0.7);
  await image.click();
  const dialog = page.getByRole('dialog', { name: 'Image' });
  await expect(dialog.getByRole('img', { name: 'a tower' })).toBeVisible();
  const heart = dialog.getByRole('button', { name: 'Favorite' });
  await heart.click();
  await expect(heart).toHaveAttribute('aria-pressed', 'true');
  await expect(dialog.getByRole('link', { name: 'Download' })).toHaveAttribute('href', /\/file$/);
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await image.click();
  await expect(heart).toHaveAttribute('aria-pressed', 'true');
  await dialog.getByRole('link', { name: 'Open image page' }).click();
  await page.waitForURL(/\/images\/[0-9a-f-]{36}$/);
});

test('rich answers are rendered, and nothing in them runs', async ({ page }) => {
  const outside: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith('http://127.0.0.1')) outside.push(request.url());
  });
  await send(page, '#markdown #pause=60');
  const answer = lastAnswer(page);
  await expect(answer).toHaveAttribute('data-state', 'complete');
  await expect(answer.getByRole('heading', { name: 'A heading' })).toBeVisible();
  await expect(answer.getByRole('table')).toContainText('two');
  await expect(answer.locator('pre code span').first()).toBeVisible();
  await expect(answer.getByRole('button', { name: 'Copy code' })).toBeVisible();
  await expect(answer.getByRole('link', { name: 'click' })).toHaveCount(0);
  await page.reload();
  await hydrated(page);
  await expect(answer.getByRole('table')).toContainText('two');
  expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
  expect(outside).toEqual([]);
});

test('an answer means the same while it is written and when it is stored', async ({ page }) => {
  // What any moment of it looks like.
  await page.addInitScript(() => {
    const seen = { headings: 0, emphasis: 0, source: false };
    Object.assign(window, { seen });
    new MutationObserver(() => {
      const answer = document.querySelector('li[data-author="assistant"] .markdown');
      seen.headings = Math.max(seen.headings, answer?.querySelectorAll('h3, h4, hr').length ?? 0);
      seen.emphasis = Math.max(seen.emphasis, answer?.querySelectorAll('em').length ?? 0);
      seen.source ||= answer?.querySelector('.math')?.textContent === '\\(a*b*c\\)';
    }).observe(document, { childList: true, subtree: true, characterData: true });
  });
  await page.reload();
  await send(page, '#odd #pause=80');
  const answer = lastAnswer(page);
  await expect(answer).toHaveAttribute('data-state', 'complete');
  await expect(answer.locator('strong')).toHaveText(['注意：', '备份']);
  await expect(answer.locator('math')).toHaveCount(2);
  await expect(answer).toContainText('and $5 and $6.');
  expect(await page.evaluate(() => (window as unknown as { seen: object }).seen)).toEqual({ headings: 0, emphasis: 0, source: true });
  const copied = await answer.evaluate((element) => {
    getSelection()!.selectAllChildren(element);
    const clipboardData = new DataTransfer();
    element.dispatchEvent(new ClipboardEvent('copy', { clipboardData, bubbles: true, cancelable: true }));
    getSelection()!.removeAllRanges();
    return clipboardData.getData('text/plain');
  });
  expect(copied).toContain('So $a*b*c$ and $5 and $6.');
  expect(copied).toMatch(/\$\$\s*\\frac\{a\}\{b\} = c\s*\$\$/);
  const direction = (text: string) => answer.getByText(text).evaluate((element) => getComputedStyle(element).direction);
  expect(await direction('שלום')).toBe('rtl');
  expect(await direction('left')).toBe('ltr');
  expect(await direction('مرحبا')).toBe('rtl');
  expect(await direction('code')).toBe('ltr');
  await expectNoOverflow(page);
});

test('a failure says that it was free and offers another try', async ({ page }) => {
  await pick(page, 'OpenAI');
  await send(page, '#cut #tokens=3');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'incomplete');
  await expect(lastAnswer(page)).toContainText(/nothing was charged/i);
  await expect(lastAnswer(page)).toContainText('word1');
  await expect(page.getByText('10 credits').first()).toBeVisible();
  await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible();
});

test('conversations are renamed and deleted', async ({ page }) => {
  await send(page, 'a topic #tokens=1');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  const sidebar = page.getByRole('navigation', { name: /conversations/i });
  await sidebar.getByRole('button', { name: /a topic/i }).first().click();
  await page.getByRole('button', { name: 'Rename' }).or(page.getByRole('menuitem', { name: 'Rename' })).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox').fill('A better title');
  await dialog.getByRole('button', { name: /Rename|Save/ }).click();
  await expect(sidebar.getByRole('link', { name: 'A better title' })).toBeVisible();
  await sidebar.getByRole('button', { name: /A better title/i }).first().click();
  await page.getByRole('button', { name: 'Delete' }).or(page.getByRole('menuitem', { name: 'Delete' })).click();
  await page.getByRole('dialog').getByRole('button', { name: /Delete/ }).click();
  await expect(sidebar.getByRole('link', { name: 'A better title' })).toHaveCount(0);
  await page.waitForURL('**/chat');
});

test('the keyboard alone is enough', async ({ page }) => {
  await hydrated(page);
  await page.getByLabel('Message', { exact: true }).focus();
  await page.keyboard.type('line one');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('line two #tokens=2');
  await page.keyboard.press('Enter');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await expect(page.locator('li[data-author="user"]')).toContainText('line two');
  await expect(page.getByLabel('Message', { exact: true })).toHaveValue('');
});

test('without credits it says what is needed and keeps what was typed', async ({ page, complaints }) => {
  test.setTimeout(90_000);
  await hydrated(page);
  await page.evaluate(async () => {
    for (let n = 0; n < 10; n++) {
      await fetch('/api/chat', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ message: '#tokens=1', provider: 'openai' }),
      });
    }
  });
  await send(page, 'one more');
  await expect(page.getByText(/not enough credits/i)).toBeVisible();
  await expect(page.getByLabel('Message', { exact: true })).toHaveValue('one more');
  expectComplaints(complaints, /status of 402/);
});
