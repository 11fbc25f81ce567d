// Fingers, small windows, colours of the system, other time zones.
import { composer, expect, expectNoOverflow, hydrated, lastAnswer, send, signUp, test } from './fixtures';

test.describe('on a phone', () => {
  test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });

  test('what is pressed is large enough, fields do not zoom, and no keyboard comes by itself', async ({ page }) => {
    await signUp(page);
    await hydrated(page);
    await send(page, 'targets #tokens=2');
    await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
    await page.reload();
    await hydrated(page);
    await page.waitForTimeout(300);
    await expect(composer(page)).not.toBeFocused();
    for (const path of [page.url(), '/chat', '/images', '/account', '/sign-in']) {
      await page.goto(path);
      await expectNoOverflow(page);
      const small = await page.evaluate(() =>
        [...document.querySelectorAll('button, summary, select, a.inline-flex, a.flex')]
          .filter((element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && element.clientWidth > 1)
          .filter((element) => Math.round(element.getBoundingClientRect().height) < 40)
          .map((element) => element.outerHTML.slice(0, 120)),
      );
      expect(small, path).toEqual([]);
      const sizes = await page.evaluate(() =>
        [...document.querySelectorAll('textarea, input:not([type=hidden],[type=radio],[type=checkbox],.sr-only)')].map((field) => parseFloat(getComputedStyle(field).fontSize)),
      );
      expect(Math.min(16, ...sizes), path).toBe(16);
    }
  });
});

test('at 400% there is room for the conversation', async ({ page }) => {
  await signUp(page);
  await send(page, '#markdown');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await page.setViewportSize({ width: 320, height: 256 });
  await expectNoOverflow(page);
  const pane = page.locator('li[data-author="assistant"]').locator('xpath=ancestor::div[contains(@class,"overflow-y-auto")]');
  expect((await pane.boundingBox())!.height).toBeGreaterThanOrEqual(120);
  await page.locator('main').evaluate((main) => main.scrollTo(0, main.scrollHeight));
  await expect(page.getByRole('button', { name: 'Send', exact: true })).toBeInViewport();
});

test('with the colours of the system, what is chosen can be told', async ({ page }) => {
  await page.emulateMedia({ forcedColors: 'active' });
  await signUp(page);
  await page.goto('/images');
  await hydrated(page);
  for (const [group, chosen, other] of [['aspectRatio', '1:1', '16:9'], ['count', '1', '2']]) {
    const background = (value: string) =>
      page.locator(`label:has(> [name="${group}"][value="${value}"])`).evaluate((label) => getComputedStyle(label).backgroundColor);
    await page.locator(`[name="${group}"][value="${chosen}"]`).check({ force: true });
    expect(await background(chosen), group).not.toBe(await background(other));
  }
});

test.describe('far from UTC', () => {
  test.use({ timezoneId: 'Asia/Tokyo' });

  test("times are the reader's", async ({ page }) => {
    await signUp(page);
    await page.goto('/dashboard');
    await hydrated(page);
    const time = page.locator('time:visible').first();
    const at = new Date((await time.getAttribute('datetime'))!);
    const local = at.toLocaleTimeString('en-GB', { timeZone: 'Asia/Tokyo', hour: '2-digit', minute: '2-digit' });
    await expect(time).toHaveText(new RegExp(`, ${local}$`));
  });
});

test('an answer that is being written has a caret, and one that failed a way on', async ({ page, complaints }) => {
  await signUp(page);
  await send(page, 'slowly #tokens=60 #pause=100');
  await expect(lastAnswer(page)).toContainText('word3');
  const caret = () =>
    lastAnswer(page).evaluate((line) => {
      const all = [...line.querySelectorAll('.markdown, .markdown *')];
      return all.filter((element) => getComputedStyle(element, '::after').animationName === 'caret').length;
    });
  expect(await caret()).toBe(1);
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'stopped');
  expect(await caret()).toBe(0);
  const edit = page.getByRole('button', { name: 'Edit', exact: true });
  await page.mouse.move(0, 0);
  const opacity = () => edit.evaluate((button) => getComputedStyle(button).opacity);
  await expect.poll(opacity).toBe('0');
  await edit.focus();
  await expect.poll(opacity).toBe('1');

  await send(page, 'breaks off #tokens=3 #cut');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'incomplete');
  const retry = lastAnswer(page).getByRole('button', { name: 'Try again' }).first();
  expect(await retry.evaluate((button) => getComputedStyle(button, '::after').content)).toContain('Try again');
  complaints.splice(0);
});

test('the icon is there for who asks for it by its usual name', async ({ page }) => {
  const icon = await page.request.get('/favicon.ico');
  expect([icon.status(), icon.headers()['content-type']]).toEqual([200, expect.stringMatching(/^image\//)]);
});
