// The gallery: every primitive with its keys, in both themes, and no complaint of the browser.
import type { Page } from '@playwright/test';
import { expect, expectAccessible, expectComplaints, expectNoOverflow, hydrated, test } from './fixtures';

const THEMES = ['light', 'dark'] as const;

/** All about an entry. */
const section = (entry: string) => `section:has(> div > h3#${entry})`;

/** The half of an example that is shown in a theme. */
const pane = (page: Page, entry: string, theme: (typeof THEMES)[number] = 'light') =>
  page.locator(`${section(entry)} [data-theme="${theme}"]`);

async function open(page: Page) {
  await page.goto('/components');
  await hydrated(page);
}

for (const theme of THEMES) {
  test(`the gallery is accessible with everything open, ${theme}`, async ({ page }) => {
    // Looking at the whole page takes long.
    test.slow();
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    await open(page);
    await expectAccessible(page);

    await pane(page, 'dialog', theme).getByRole('button', { name: 'Delete…' }).click();
    await expect(page.getByRole('dialog')).toBeVisible();
    await expectAccessible(page, section('dialog'));
    await page.keyboard.press('Escape');

    await pane(page, 'drawer', theme).getByRole('button', { name: 'Details' }).click();
    await expect(page.getByRole('dialog', { name: 'Request' })).toBeVisible();
    await expectAccessible(page, section('drawer'));
    await page.keyboard.press('Escape');

    await pane(page, 'menu', theme).getByRole('button', { name: 'Actions' }).click();
    await expect(page.getByRole('menu')).toBeVisible();
    await expectAccessible(page, section('menu'));
    await page.keyboard.press('Escape');

    await pane(page, 'combobox', theme).getByRole('combobox').click();
    await expect(page.getByRole('listbox')).toBeVisible();
    await expectAccessible(page, section('combobox'));
    await page.keyboard.press('Escape');

    await pane(page, 'toast', theme).getByRole('button', { name: 'Archive' }).click();
    await pane(page, 'toast', theme).getByText('Conversation archived.').hover();
    await expectAccessible(page, section('toast'));
  });
}

test('the gallery fits every width and does not shift', async ({ page }) => {
  await page.addInitScript(() => {
    const shifts: number[] = [];
    Object.assign(window, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) shifts.push((entry as unknown as { value: number }).value);
    }).observe({ type: 'layout-shift', buffered: true });
  });
  for (const width of [360, 768, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    await open(page);
    await expectNoOverflow(page);
    expect(await page.evaluate(() => (window as unknown as { shifts: number[] }).shifts)).toEqual([]);
  }
});

test('each half of an example has its own theme, whatever the page has', async ({ page }) => {
  const background = (theme: (typeof THEMES)[number]) =>
    pane(page, 'card', theme).evaluate((element) => getComputedStyle(element).backgroundColor);
  for (const colorScheme of THEMES) {
    await page.emulateMedia({ colorScheme });
    await open(page);
    expect(await background('light')).toBe('rgb(250, 248, 244)');
    expect(await background('dark')).toBe('rgb(23, 21, 18)');
  }
});

test('a knob changes the example and its code', async ({ page }) => {
  await open(page);
  const knobs = page.locator(section('button')).locator('form');
  const code = page.locator('#button-code');
  await expect(code).toContainText('variant=ButtonVariant::Primary');
  await knobs.getByText('Danger').click();
  await knobs.getByLabel('label').fill('Delete');
  await knobs.getByLabel('disabled').check();
  await expect(pane(page, 'button').getByRole('button', { name: 'Delete' })).toBeDisabled();
  await expect(pane(page, 'button', 'dark').getByRole('button', { name: 'Delete' })).toBeDisabled();
  expect(await code.innerText()).toContain('variant=ButtonVariant::Danger');
  expect(await code.innerText()).toContain('disabled=true');
  expect(await code.innerText()).toContain('"Delete"');
});

test('an entry is found by its name', async ({ page }) => {
  await open(page);
  await page.getByLabel('Find a component').fill('combo');
  await expect(page.getByRole('heading', { level: 3, name: 'Combobox' })).toBeVisible();
  await expect(page.getByRole('heading', { level: 3, name: 'Button', exact: true })).toBeHidden();
  await page.getByLabel('Find a component').fill('nothing like it');
  await expect(page.getByText('No component is called that.')).toBeVisible();
});

test('a combobox filters, and chooses with the keys', async ({ page }) => {
  await open(page);
  const field = pane(page, 'combobox').getByRole('combobox');
  const option = (name: string) => pane(page, 'combobox').getByRole('option', { name });
  await field.focus();
  await expect(field).toHaveAttribute('aria-expanded', 'false');
  await page.keyboard.press('ArrowDown');
  await expect(field).toHaveAttribute('aria-expanded', 'true');
  await expect(option('Amsterdam')).toHaveAttribute('aria-selected', 'true');
  await expect(field).toHaveAttribute('aria-activedescendant', (await option('Amsterdam').getAttribute('id')) ?? '');
  await page.keyboard.press('End');
  await expect(option('Rome')).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('ArrowDown');
  await expect(option('Amsterdam')).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowUp');
  await expect(option('Rome')).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.type('l');
  await expect(pane(page, 'combobox').getByRole('option')).toHaveText(['Berlin', 'Lisbon', 'Ljubljana']);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(field).toHaveValue('Lisbon');
  await expect(field).toHaveAttribute('aria-expanded', 'false');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Escape');
  await expect(field).toHaveAttribute('aria-expanded', 'false');
  await expect(field).toHaveValue('Lisbon');
  await page.keyboard.press('Escape');
  await expect(field).toHaveValue('');
  await page.keyboard.type('xyz');
  await expect(pane(page, 'combobox').getByText('No such city.').first()).toBeVisible();
  await field.fill('');
  await option('Prague').click();
  await expect(field).toHaveValue('Prague');
  await expect(field).toBeFocused();
});

test('a menu is walked with the keys and gives the focus back', async ({ page }) => {
  await open(page);
  const button = pane(page, 'menu').getByRole('button', { name: 'Actions' });
  const item = (name: string) => pane(page, 'menu').getByRole('menuitem', { name });
  await button.focus();
  await page.keyboard.press('Enter');
  await expect(item('Rename')).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await expect(item('Pin')).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await expect(item('Delete'), 'what cannot be done is skipped').toBeFocused();
  await page.keyboard.press('ArrowDown');
  await expect(item('Rename')).toBeFocused();
  await page.keyboard.press('End');
  await expect(item('Delete')).toBeFocused();
  await page.keyboard.press('Home');
  await expect(item('Rename')).toBeFocused();
  await page.keyboard.press('p');
  await expect(item('Pin')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('menu')).toBeHidden();
  await expect(button).toBeFocused();
  await page.keyboard.press('ArrowUp');
  await expect(item('Delete')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('menu')).toBeHidden();
  await expect(button).toBeFocused();
});

test('tabs change with the arrows', async ({ page }) => {
  await open(page);
  const tab = (name: string) => pane(page, 'tabs').getByRole('tab', { name });
  const panel = pane(page, 'tabs').getByRole('tabpanel');
  await tab('Day').focus();
  await page.keyboard.press('ArrowRight');
  await expect(tab('Week')).toBeFocused();
  await expect(tab('Week')).toHaveAttribute('aria-selected', 'true');
  await expect(panel).toHaveText('What was asked this week.');
  await page.keyboard.press('End');
  await expect(panel).toHaveText('What was asked this month.');
  await page.keyboard.press('ArrowRight');
  await expect(panel).toHaveText('What was asked today.');
  await page.keyboard.press('ArrowLeft');
  await expect(tab('Month')).toBeFocused();
  await page.keyboard.press('Home');
  await expect(tab('Day')).toBeFocused();
  await page.keyboard.press('Tab');
  await expect(panel).toBeFocused();
});

for (const [entry, name] of [['dialog', 'Delete…'], ['drawer', 'Details']] as const) {
  test(`a ${entry} keeps the focus and gives it back`, async ({ page }) => {
    await open(page);
    const button = pane(page, entry).getByRole('button', { name });
    await button.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await expect(dialog).toBeVisible();
    expect(await dialog.evaluate((element) => element.contains(document.activeElement))).toBe(true);
    await page.keyboard.press('Escape');
    await expect(dialog).toBeHidden();
    await expect(button).toBeFocused();
  });
}

test('a tooltip comes with focus and pointer, and goes with Escape', async ({ page }) => {
  await open(page);
  const button = pane(page, 'tooltip').getByRole('button');
  const tooltip = pane(page, 'tooltip').getByRole('tooltip', { includeHidden: true });
  await expect(tooltip).toBeHidden();
  await expect(button).toHaveAccessibleDescription('Held until the answer is there');
  await button.hover();
  await expect(tooltip).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(tooltip).toBeHidden();
  await page.mouse.move(0, 0);
  await button.focus();
  await expect(tooltip).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(tooltip).toBeHidden();
});

test('a toast waits while it is hovered, and can be dismissed', async ({ page }) => {
  await open(page);
  const area = pane(page, 'toast');
  const toast = area.getByText('Conversation archived.');
  await area.getByRole('button', { name: 'Archive' }).click();
  await toast.hover();
  await page.waitForTimeout(7000);
  await expect(toast).toBeVisible();
  await area.getByRole('button', { name: 'Dismiss' }).click();
  await expect(toast).toBeHidden();
  await area.getByRole('button', { name: 'Archive' }).click();
  await area.getByRole('button', { name: 'Undo' }).focus();
  await page.keyboard.press('Escape');
  await expect(toast).toBeHidden();
  await page.mouse.move(0, 0);
  await area.getByRole('button', { name: 'Archive' }).focus();
  await page.keyboard.press('Enter');
  await expect(toast).toBeVisible();
  await expect(toast).toBeHidden({ timeout: 10_000 });
});

test('a table says what it is sorted by', async ({ page }) => {
  await open(page);
  const table = pane(page, 'table');
  const first = table.locator('tbody tr').first();
  await expect(table.getByRole('columnheader', { name: 'Provider' })).toHaveAttribute('aria-sort', 'ascending');
  await table.getByRole('button', { name: 'Tokens' }).click();
  await expect(table.getByRole('columnheader', { name: 'Tokens' })).toHaveAttribute('aria-sort', 'ascending');
  await expect(first).toContainText('940');
  await table.getByRole('button', { name: 'Tokens' }).click();
  await expect(first).toContainText('18,204');
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('every example is there in its first state, with its code', async ({ page, complaints }) => {
    await page.goto('/components');
    await expect(pane(page, 'button').getByRole('button', { name: 'Send' })).toBeVisible();
    await expect(page.locator('#button-code')).toContainText('<Button');
    await expect(page.getByRole('group', { name: 'Props of Button' })).toContainText('required');
    await expect(page.getByLabel('Find a component')).toBeHidden();
    expectComplaints(complaints, /\.js csp$/);
  });
});
