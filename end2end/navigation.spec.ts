// The way through the app: every conversation has its menu, a page that cannot be reached is waited for, tabs hear of each other,
// and whoever has to sign in again comes back to where they were.
import { PASSWORD, composer, expect, expectAccessible, expectComplaints, expectNoOverflow, hydrated, lastAnswer, send, signUp, test } from './fixtures';
import type { Page } from '@playwright/test';

const sidebar = (page: Page) => page.getByRole('navigation', { name: 'Conversations' });
const menu = (page: Page) => page.getByRole('group', { name: 'Conversation', exact: true });

/** So many conversations, "Topic 0" first, and what was said in them. They are branches, which cost nothing. */
async function begin(page: Page, conversations: number) {
  const call = async (method: string, path: string, data: object) => {
    const response = await page.request.fetch(path, { method, data });
    expect(response.ok(), `${path}: ${response.status()}`).toBeTruthy();
    return (await response.json()).data;
  };
  const { conversationId, messageId } = await call('POST', '/api/chat', { message: 'Topic 0 #tokens=2' });
  await call('PATCH', `/api/conversations/${conversationId}`, { title: 'Topic 0' });
  const ids = [conversationId];
  for (let n = 1; n < conversations; n++) {
    const branch = await call('POST', `/api/conversations/${conversationId}/branch`, { messageId });
    await call('PATCH', `/api/conversations/${branch.id}`, { title: `Topic ${n}` });
    ids.push(branch.id);
  }
  return ids;
}

test('the list has no end, and the menu of a page is that of its conversation, however old', async ({ page }) => {
  await signUp(page);
  const ids = await begin(page, 70);
  await page.goto(`/chat/${ids[0]}`);
  await hydrated(page);
  await expect(page).toHaveTitle('Topic 0 · Tessera');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Topic 0');
  const links = sidebar(page).getByRole('link', { name: /^Topic/ });
  // The newest, and the one that is open.
  await expect(links).toHaveCount(51);
  await links.nth(49).scrollIntoViewIfNeeded();
  await expect(links).toHaveCount(70);
  await expect(links.last()).toHaveText('Topic 0');
  await expect(links.last()).toHaveAttribute('aria-current', 'page');
  await expect(sidebar(page).getByRole('link', { name: 'Older conversations' })).toBeHidden();
  await expectAccessible(page);
  await page.getByRole('main').getByRole('button', { name: 'Conversation options' }).click();
  await menu(page).getByRole('button', { name: 'Rename' }).click();
  const dialog = page.getByRole('dialog', { name: 'Rename conversation' });
  await dialog.getByLabel('Title').fill('Once more');
  await dialog.getByRole('button', { name: 'Rename' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Once more');
  await expect(page).toHaveTitle('Once more · Tessera');
  await expect(sidebar(page).getByRole('link', { name: 'Once more' })).toBeVisible();
  // Opened from elsewhere, one that no list shows has its title too.
  await page.goto('/dashboard');
  await hydrated(page);
  await page.goto(`/chat/${ids[1]}`);
  await expect(page).toHaveTitle('Topic 1 · Tessera');
});

test('what a search found has its menu, and leads to its message', async ({ page }) => {
  await signUp(page);
  await send(page, 'a needle in the hay #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  for (let n = 0; n < 3; n++) {
    await send(page, `more hay #tokens=150 #pause=0`);
    await expect(page.locator('li[data-author="assistant"]')).toHaveCount(n + 2);
    await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  }
  await page.goto('/images');
  await hydrated(page);
  await sidebar(page).getByRole('searchbox').fill('needle');
  const result = sidebar(page).getByRole('list', { name: 'Search results' });
  // The link covers it.
  await result.getByText('a needle in the hay').last().click({ force: true });
  const found = page.locator('li[data-author="user"]').filter({ hasText: 'needle' });
  await expect(found).toBeFocused();
  await expect(found).toBeInViewport();
  await expect(page).toHaveURL(/\/chat\/[0-9a-f-]+$/);
  await expectAccessible(page);
  await result.getByRole('listitem').hover();
  await result.getByRole('button', { name: /^Options for/ }).click();
  await menu(page).getByRole('button', { name: 'Rename' }).click();
  const dialog = page.getByRole('dialog', { name: 'Rename conversation' });
  await expect(dialog.getByLabel('Title')).toHaveValue(/needle/);
  await dialog.getByLabel('Title').fill('Hay');
  await dialog.getByRole('button', { name: 'Rename' }).click();
  await expect(result.getByRole('link')).toHaveText('Hay');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Hay');
});

test('a click while nothing can be reached stays on the page, and goes on by itself', async ({ page, complaints }) => {
  await signUp(page);
  await hydrated(page);
  await composer(page).fill('not sent yet');
  await page.context().setOffline(true);
  const notice = page.getByText('can’t be reached right now');
  await page.getByRole('link', { name: 'Images', exact: true }).click();
  await expect(notice).toBeVisible();
  await expect(page).toHaveURL(/\/chat$/);
  await expect(composer(page)).toHaveValue('not sent yet');
  await expectAccessible(page);
  // Pressed, it asks at once, and stays.
  const asked = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/healthz'));
  await page.getByRole('button', { name: 'Try again' }).click();
  await asked;
  await expect(notice).toBeVisible();
  await page.context().setOffline(false);
  await page.waitForURL('**/images');
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Images');
  await expect(notice).toBeHidden();
  await expect(page.getByRole('link', { name: 'Images', exact: true })).toHaveAttribute('aria-current', 'page');
  expectComplaints(complaints, /ERR_INTERNET_DISCONNECTED|Failed to fetch/);
});

test('two tabs of a conversation hear of each other, and nothing that is being written is lost', async ({ page, complaints }) => {
  await signUp(page);
  await send(page, 'from the first tab #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  const other = await page.context().newPage();
  await other.goto(page.url());
  await hydrated(other);
  await composer(other).fill('half a thought');
  const credits = (tab: Page) => tab.getByRole('banner').getByRole('link', { name: /credits?$/ });
  const before = await credits(other).textContent();
  await send(page, 'and once more #tokens=3');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await expect(other.locator('li[data-author]')).toHaveCount(4);
  await expect(lastAnswer(other)).toContainText('word3');
  await expect(lastAnswer(other)).toHaveAttribute('data-state', 'complete');
  await expect(credits(other)).not.toHaveText(before!);
  await expect(composer(other)).toHaveValue('half a thought');
  await expect(composer(other)).toBeFocused();
  // Where nothing has changed, nothing comes and nothing moves.
  await other.waitForTimeout(1_200);
  const list = await other.locator('ol[aria-label]').elementHandle();
  const looked = other.waitForResponse((response) => response.url().includes('/api/overview'));
  await other.evaluate(() => window.dispatchEvent(new Event('focus')));
  expect((await looked).status()).toBe(304);
  expect(await list!.evaluate((list) => list.isConnected)).toBeTruthy();
  await expect(composer(other)).toBeFocused();
  expect(complaints).toEqual([]);
});

test('who signs in again comes back to the conversation and to what was not sent', async ({ page, complaints }) => {
  const email = await signUp(page);
  await send(page, 'said before #tokens=2');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  const address = page.url();
  await page.context().clearCookies({ name: 'tessera_session' });
  await send(page, 'not lost at all');
  await page.getByRole('alert').getByRole('link', { name: 'Sign in' }).click();
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(address);
  await hydrated(page);
  await expect(composer(page)).toHaveValue('not lost at all');
  await expect(page.locator('li[data-author="user"]')).toContainText('said before');
  expectComplaints(complaints, /status of 401/);
});

test('loading the page of a new key again makes no second one', async ({ page }) => {
  await signUp(page);
  await page.goto('/account');
  await page.getByRole('region', { name: 'New key' }).getByLabel('Name').fill('laptop');
  await page.getByRole('button', { name: /key/i }).last().click();
  const key = page.getByText(/^tsk_[\w-]{20}/);
  await expect(key).toBeVisible();
  expect(page.url()).toMatch(/\/account$/);
  await page.reload();
  await expect(page.getByRole('listitem').getByText('laptop')).toHaveCount(1);
  await expect(key).toHaveCount(0);
});

test('a hidden list stays hidden, and the narrowest window reaches the account', async ({ page }) => {
  await signUp(page);
  await hydrated(page);
  await page.locator('#switch-sidebar').click();
  await expect(sidebar(page)).toBeHidden();
  await page.reload();
  await expect(sidebar(page)).toBeHidden();
  await hydrated(page);
  await page.locator('#switch-sidebar').click();
  await page.reload();
  await expect(sidebar(page)).toBeVisible();
  await page.setViewportSize({ width: 320, height: 640 });
  await expectNoOverflow(page);
  await expect(page.getByRole('button', { name: 'Account' })).toBeInViewport({ ratio: 1 });
  await page.getByRole('button', { name: 'Account' }).click();
  await expect(page.getByRole('link', { name: /Account/ })).toBeVisible();
});
