// What surrounds the pages: the palette, the languages, the way between pages, and all of it with the keyboard alone.
import type { Page } from '@playwright/test';
import { expect, expectAccessible, expectComplaints, hydrated, lastAnswer, newEmail, PASSWORD, send, signUp, test } from './fixtures';

const palette = (page: Page) => page.getByRole('dialog', { name: 'Command palette' });

test('the palette finds pages, conversations and actions', async ({ page }) => {
  await signUp(page);
  await send(page, 'about mosaics #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await page.evaluate(() => Object.assign(window, { mark: 1 }));
  await page.keyboard.press('Control+k');
  const field = palette(page).getByRole('combobox');
  await expect(field).toBeFocused();
  await expectAccessible(page);
  await field.fill('credits and');
  await expect(palette(page).getByRole('option')).toHaveText(['Credits and activity']);
  await field.press('Enter');
  await page.waitForURL('**/dashboard');
  await expect(palette(page)).toBeHidden();

  await page.keyboard.press('Control+k');
  await expect(field).toHaveValue('');
  await field.fill('mosa');
  await expect(palette(page).getByRole('option')).toHaveText([/mosaics/]);
  await field.press('Enter');
  await page.waitForURL(/\/chat\/[0-9a-f-]{36}$/);

  // What was only said in a conversation, the server knows.
  await page.keyboard.press('Control+k');
  await field.fill('word2');
  await expect(palette(page).getByRole('option')).toHaveText([/mosaics/]);
  await field.fill('nothing like this');
  await expect(palette(page).getByText('Nothing found')).toBeVisible();
  await field.fill('dark');
  await field.press('Enter');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(page.getByRole('button', { name: 'Dark theme' })).toHaveAttribute('aria-pressed', 'true');

  await page.getByRole('button', { name: /Search and commands/ }).click();
  await expectAccessible(page);
  const selected = () => field.getAttribute('aria-activedescendant');
  expect(await selected()).toBe('palette-0');
  await field.press('ArrowDown');
  expect(await selected()).toBe('palette-1');
  await field.press('ArrowUp');
  await field.press('ArrowUp');
  await expect(palette(page).getByRole('option', { selected: true })).toHaveText('Sign out');
  await field.press('Escape');
  await expect(palette(page)).toBeHidden();
  expect(await page.evaluate(() => 'mark' in window)).toBe(true);
});

test.describe('in Chinese', () => {
  test.use({ locale: 'zh-CN' });

  test('the whole way is in Chinese, until one chooses English', async ({ page, complaints }) => {
    await page.goto('/');
    await expect(page.locator('html')).toHaveAttribute('lang', 'zh-Hans');
    await page.goto('/sign-up');
    await page.locator('[name=email]').fill('not an address');
    await page.locator('form[action="/sign-up"]').evaluate((form: HTMLFormElement) => (form.noValidate = true));
    await page.locator('[name=password]').fill('short');
    await page.locator('form[action="/sign-up"] [type=submit]').click();
    await expect(page.getByText('请输入有效的邮箱地址。')).toBeVisible();
    expectComplaints(complaints, /status of 400/);
    await page.locator('[name=email]').fill(newEmail());
    await page.locator('[name=password]').fill(PASSWORD);
    await page.locator('form[action="/sign-up"] [type=submit]').click();
    await page.waitForURL('**/chat');
    await hydrated(page);
    await expect(page).toHaveTitle('新对话 · Tessera');
    await page.getByLabel('消息', { exact: true }).fill('#markdown');
    await page.getByRole('button', { name: '发送', exact: true }).click();
    await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
    await expect(lastAnswer(page)).toContainText('1 积分');
    await expect(lastAnswer(page).getByRole('button', { name: '复制代码' }).first()).toBeVisible();
    await expect(page.getByRole('list', { name: '今天' })).toBeVisible();
    await expectAccessible(page);
    await page.reload();
    await hydrated(page);
    await expect(lastAnswer(page).getByRole('button', { name: '复制代码' }).first()).toBeVisible();
    await page.getByTitle('余额与明细').click();
    await expect(page.getByRole('heading', { name: '明细' })).toBeVisible();
    await expect(page.getByRole('table')).toContainText(/2\d{3}年\d+月\d+日/);
    // Whoever chooses comes back to where they are.
    await page.getByRole('button', { name: '账户', exact: true }).click();
    await page.getByRole('button', { name: 'English' }).click();
    await expect(page.getByRole('heading', { name: 'Activity' })).toBeVisible();
    expect(new URL(page.url()).pathname).toBe('/dashboard');
    await page.reload();
    await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  });
});

test('pages begin at their heading, and the way back where one was', async ({ page }) => {
  await page.setViewportSize({ width: 800, height: 320 });
  await signUp(page);
  await hydrated(page);
  await page.getByTitle('Balance and activity').click();
  await expect(page.getByRole('heading', { level: 1, name: 'Credits' })).toBeFocused();
  await page.locator('main').evaluate((main) => (main.scrollTop = 120));
  await page.getByRole('link', { name: 'Tessera' }).click();
  await page.waitForURL('**/chat');
  await page.goBack();
  await expect(page.getByRole('heading', { name: 'Activity' })).toBeVisible();
  await expect.poll(() => page.locator('main').evaluate((main) => main.scrollTop)).toBe(120);
});

test('an offline browser says so, and keeps what is written', async ({ page, context, complaints }) => {
  await signUp(page);
  await hydrated(page);
  const notice = page.getByText('You’re offline.');
  await expect(notice).toBeHidden();
  await context.setOffline(true);
  await expect(notice).toBeVisible();
  await expectAccessible(page);
  await context.setOffline(false);
  await expect(notice).toBeHidden();
  complaints.splice(0);
});

test('from signing up over an answer to the ledger with the keyboard alone', async ({ page }) => {
  const tabTo = async (name: RegExp) => {
    for (let count = 0; count < 60; count++) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate(() => {
        const element = document.activeElement as HTMLElement;
        const label = (element as HTMLInputElement).labels?.[0]?.textContent;
        return element.getAttribute('aria-label') ?? label ?? element.textContent ?? '';
      });
      if (name.test(focused)) return;
    }
    throw new Error(`no Tab leads to ${name}`);
  };
  await page.goto('/');
  await tabTo(/free credits|Sign up|Start/i);
  await page.keyboard.press('Enter');
  await page.waitForURL('**/sign-up**');
  await page.getByLabel('Email').waitFor();
  if (!(await page.getByLabel('Email').evaluate((field) => field === document.activeElement))) await tabTo(/Email/);
  await page.keyboard.type(newEmail());
  await tabTo(/Password/);
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForURL('**/chat');
  await hydrated(page);
  await expect(page.getByLabel('Message', { exact: true })).toBeFocused();
  await page.keyboard.type('with the keyboard #tokens=3');
  await page.keyboard.press('Enter');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await page.keyboard.press('Control+k');
  await expect(palette(page).getByRole('combobox')).toBeFocused();
  await page.keyboard.type('activity');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/dashboard');
  await expect(page.getByRole('table')).toContainText('Answer');
});

test('nothing moves while pages load', async ({ page, complaints }) => {
  await page.addInitScript(() => {
    Object.assign(window, { shift: 0 });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
        if (!entry.hadRecentInput) (window as unknown as { shift: number }).shift += entry.value;
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  const shift = () => page.evaluate(() => (window as unknown as { shift: number }).shift);
  await signUp(page);
  await send(page, '#markdown');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  const conversation = new URL(page.url()).pathname;
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    for (const path of ['/chat', conversation, '/dashboard', '/account', '/api/docs', '/nowhere']) {
      await page.goto(path);
      if (!['/api/docs', '/nowhere'].includes(path)) await hydrated(page);
      await page.waitForTimeout(300);
      expect(await shift(), `${path} at ${width} px`).toBe(0);
    }
  }
  expectComplaints(complaints, /status of 404/);
});
