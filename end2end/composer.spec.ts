import { composer, expect, expectAccessible, expectComplaints, expectNoOverflow, hydrated, lastAnswer, pick, send, signUp, test } from './fixtures';

test.beforeEach(async ({ page }) => {
  await signUp(page);
  await hydrated(page);
});

test('a provider is picked by mouse or by keyboard, and stays picked', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  const button = page.getByRole('button', { name: /^Model:/ });
  await expect(button).toHaveText(/Automatic/);
  await button.click();
  const models = page.getByRole('radiogroup', { name: 'Model' });
  await expect(models.getByRole('radio')).toHaveCount(3);
  await expect(models).toContainText('scripted · 1 credit');
  await expect(models).toContainText('2,048-token context');
  await expect(models.getByText('Ready')).toHaveCount(2);
  await expect(models.getByRole('radio', { name: 'Automatic' })).toBeFocused();
  await expectNoOverflow(page);
  await expectAccessible(page);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(models).toBeHidden();
  await expect(button).toHaveText(/OpenAI/);
  await expect(button).toBeFocused();
  await page.reload();
  await expect(button).toHaveText(/OpenAI/);
  await pick(page, 'Local');
  await button.click();
  await expect(models.getByRole('radio', { name: 'Local' })).toBeChecked();
  await page.keyboard.press('Escape');
  await expect(models).toBeHidden();
  await expect(composer(page)).toHaveValue('');
});

test('a provider that is picked before the code has come is the one that is asked', async ({ page }) => {
  let load = () => {};
  const wanted = new Promise<void>((resolve) => (load = resolve));
  await page.route('**/*.wasm', async (route) => {
    await wanted;
    await route.continue();
  });
  await page.goto('/chat', { waitUntil: 'commit' });
  await page.getByRole('button', { name: /^Model:/ }).click();
  await page.getByRole('radio', { name: 'OpenAI', exact: true }).click();
  await page.keyboard.press('Escape');
  load();
  const asked = page.waitForRequest('**/api/chat');
  await send(page, 'Say hello. #tokens=1');
  expect((await asked).postDataJSON().provider).toBe('openai');
  await expect(page.getByRole('button', { name: /^Model: ?OpenAI$/ })).toBeVisible();
});

test('another provider that stands in says for whom, also after a reload', async ({ page }) => {
  await send(page, 'Say hello. #fail');
  const sentence = lastAnswer(page).getByText('Answered by Local because OpenAI failed.');
  await expect(sentence).toBeVisible({ timeout: 30_000 });
  await expect(lastAnswer(page).locator('[data-receipt]')).toContainText(/1 credit · .*tokens.* · Local/);
  await page.reload();
  await expect(sentence).toBeVisible();
});

test('too much at once is a calm wait', async ({ page, complaints }) => {
  await page.route('**/api/chat', (route) =>
    route.fulfill({
      status: 429,
      headers: { 'retry-after': '3' },
      json: { success: false, code: 'rate_limited', error: 'Too many requests.', requestId: 'r' },
    }),
  );
  await send(page, 'patience #tokens=2');
  await expect(page.getByText('You’re sending messages too quickly.')).toBeVisible();
  await expect(composer(page)).toHaveValue('patience #tokens=2');
  const button = page.getByRole('button', { name: 'Send', exact: true });
  await expect(button).toBeDisabled();
  const wait = page.locator('p:not(.sr-only)', { hasText: 'You can send again in' });
  await expect(wait).toContainText('3 seconds');
  await expect(page.locator('[aria-live]')).toHaveText('You can send again in 3 seconds.');
  await expect(wait).toContainText('1 second.');
  await expect(page.locator('[aria-live]'), 'told once').toHaveText('You can send again in 3 seconds.');
  await page.unroute('**/api/chat');
  await expect(button).toBeEnabled();
  await expect(wait).toBeHidden();
  await expect(page.getByText('You’re sending messages too quickly.')).toHaveCount(0);
  await button.click();
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  expectComplaints(complaints, /status of 429/);
});

test('drafts stay with their conversation, over reloads, until they are sent', async ({ page }) => {
  await send(page, 'drafts #tokens=1');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  const conversation = page.url();
  await composer(page).fill('half a thought');
  await page.reload();
  await expect(composer(page)).toHaveValue('half a thought');
  await hydrated(page);
  await page.getByRole('link', { name: 'New chat' }).first().click();
  await expect(composer(page)).toHaveValue('');
  await composer(page).fill('something new');
  await page.getByRole('link', { name: 'drafts #tokens=1' }).click();
  await page.waitForURL(conversation);
  await expect(composer(page)).toHaveValue('half a thought');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await page.reload();
  await expect(composer(page)).toHaveValue('');
  await page.goto('/chat');
  await expect(composer(page)).toHaveValue('something new');
});

test('signing out leaves no draft behind', async ({ page }) => {
  await composer(page).fill('for my eyes only');
  await expect.poll(() => page.evaluate(() => localStorage.length)).toBe(1);
  await page.getByRole('button', { name: 'Account' }).click();
  await page.getByText('Sign out').click();
  await page.waitForURL(/127\.0\.0\.1:\d+\/$/);
  expect(await page.evaluate(() => localStorage.length)).toBe(0);
});

test('keys do what the sheet says', async ({ page }) => {
  const sheet = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await expect(composer(page)).toBeFocused();
  await composer(page).blur();
  await page.keyboard.press('?');
  await expect(sheet).toBeVisible();
  await expect(sheet.getByText('Stop the answer')).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press('Escape');
  await expect(sheet).toBeHidden();
  await page.keyboard.press('/');
  await expect(composer(page)).toBeFocused();
  await page.keyboard.type('is this a/b? #tokens=500 #pause=50');
  await expect(sheet).toBeHidden();
  await expect(composer(page)).toHaveValue('is this a/b? #tokens=500 #pause=50');
  await page.keyboard.press('Enter');
  await expect(lastAnswer(page)).toContainText('word2');
  await page.keyboard.press('Escape');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'stopped');
  const conversations = page.getByRole('navigation', { name: /conversations/i });
  await page.keyboard.press('Control+Shift+S');
  await expect(conversations).toBeHidden();
  await page.keyboard.press('Control+Shift+S');
  await expect(conversations).toBeVisible();
  await page.keyboard.press('Control+Shift+O');
  await page.waitForURL('**/chat');
  await expect(page.getByText('What would you like to know?')).toBeVisible();
  await page.getByRole('button', { name: 'Account' }).click();
  await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
  await expect(sheet).toBeVisible();
  await sheet.getByRole('button', { name: 'Close' }).click();
  await expect(sheet).toBeHidden();
  // Back to the menu, which stands in the way of keys.
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await expect(sheet, 'also a second time').toBeVisible();
});

const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

test('images are picked, taken away, pasted, shown with the question, and asked about again', async ({ page }) => {
  const picked = page.locator('input[type=file]');
  const file = (name: string) => ({ name, mimeType: 'image/png', buffer: PIXEL });
  await picked.setInputFiles([file('one.png'), file('two.png')]);
  const previews = page.getByRole('list', { name: 'Attached images' }).getByRole('img');
  await expect(previews).toHaveCount(2);
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Remove image 1' }).click();
  await expect(previews).toHaveCount(1);
  await picked.setInputFiles([{ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('no') }]);
  await expect(page.getByText('Use PNG, JPEG, WebP or GIF images')).toBeVisible();
  await composer(page).focus();
  await page.evaluate((base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([bytes], 'pasted.png', { type: 'image/png' }));
    document.activeElement?.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  }, PIXEL.toString('base64'));
  await expect(previews).toHaveCount(2);
  await send(page, 'what is this? #tokens=2');
  await expect(previews).toHaveCount(0);
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  const shown = page.locator('li[data-author="user"]').getByRole('img');
  await expect(shown).toHaveCount(2);
  await page.reload();
  await hydrated(page);
  await expect(shown).toHaveCount(2);
  expect(await shown.first().evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth)).toBe(1);
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await expect(shown).toHaveCount(2);
});

test('what is typed on while the code for it comes is the next message', async ({ page }) => {
  await page.route('**/*.wasm', async (route) => {
    await new Promise((done) => setTimeout(done, 800));
    await route.continue();
  });
  await composer(page).focus();
  await page.keyboard.type('first #tokens=1');
  await page.keyboard.press('Enter');
  await expect(composer(page)).toHaveValue('');
  await page.keyboard.type('second');
  await expect(page.locator('li[data-author="user"] p').last()).toHaveText('first #tokens=1');
  await expect(lastAnswer(page)).toHaveAttribute('data-state', 'complete');
  await expect(composer(page)).toHaveValue('second');
});

test('keys of an input method send nothing', async ({ page }) => {
  await composer(page).fill('ni hao');
  await composer(page).evaluate((field) => {
    const keys = [{ keyCode: 229 }, { keyCode: 13, isComposing: true }];
    for (const key of keys) field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...key }));
  });
  await page.waitForTimeout(300);
  await expect(composer(page)).toHaveValue('ni hao');
  await expect(page.locator('li[data-author="user"]')).toHaveCount(0);
  await page.keyboard.press('Control+k');
  const palette = page.getByRole('dialog', { name: 'Command palette' });
  await expect(palette).toBeVisible();
  await palette.getByRole('combobox').evaluate((field) => {
    for (const key of ['ArrowDown', 'Enter']) {
      field.dispatchEvent(new KeyboardEvent('keydown', { key, keyCode: 229, bubbles: true, cancelable: true }));
    }
  });
  await expect(palette).toBeVisible();
  await expect(palette.getByRole('option').first()).toHaveAttribute('aria-selected', 'true');
});

test('text on the clipboard beats the picture of it', async ({ page }) => {
  await composer(page).click();
  // The code that takes pictures is there once the composer has been used for a moment.
  await expect(page.locator('#composer-form')).toHaveAttribute('data-takes-images', '');
  const prevented = await composer(page).evaluate((field) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', 'a cell');
    clipboardData.items.add(new File([new Uint8Array(8)], 'cell.png', { type: 'image/png' }));
    return !field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  });
  expect(prevented, 'the browser pastes the text').toBe(false);
  await expect(page.getByRole('button', { name: 'Remove image 1' })).toHaveCount(0);
});

test("a phone's photo is made smaller, the right way up", async ({ page }) => {
  await composer(page).click();
  await expect(page.locator('#composer-form')).toHaveAttribute('data-takes-images', '');
  const size = await composer(page).evaluate(async (field) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [3600, 2400];
    const context = canvas.getContext('2d')!;
    const noise = context.createImageData(canvas.width, canvas.height);
    for (let at = 0; at < noise.data.length; at += 1) noise.data[at] = at % 4 === 3 ? 255 : Math.random() * 256;
    context.putImageData(noise, 0, 0);
    const blob = await new Promise<Blob>((done) => canvas.toBlob((made) => done(made!), 'image/jpeg', 0.95));
    // Turned by a quarter, as the file says.
    const exif = [0xff, 0xe1, 0, 0x22, 0x45, 0x78, 0x69, 0x66, 0, 0, 0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
    const photo = new File([blob.slice(0, 2), new Uint8Array(exif), blob.slice(2)], 'photo.jpg', { type: 'image/jpeg' });
    const clipboardData = new DataTransfer();
    clipboardData.items.add(photo);
    field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    return photo.size;
  });
  expect(size).toBeGreaterThan(4 * 1024 * 1024);
  const shown = page.getByRole('img', { name: 'Image 1' });
  await expect(shown).toBeVisible();
  const { width, height, length } = await shown.evaluate(async (image: HTMLImageElement) => {
    await image.decode();
    return { width: image.naturalWidth, height: image.naturalHeight, length: image.src.length };
  });
  expect([width, height]).toEqual([1365, 2048]);
  expect(length).toBeLessThan(6 * 1024 * 1024);
});

test('a photo that is still being made smaller goes with its message', async ({ page }) => {
  await composer(page).click();
  await expect(page.locator('#composer-form')).toHaveAttribute('data-takes-images', '');
  await composer(page).fill('What is this?');
  await composer(page).evaluate((field) => {
    const make = window.createImageBitmap.bind(window) as (...of: unknown[]) => Promise<ImageBitmap>;
    const slowly = async (...of: unknown[]) => {
      await new Promise((done) => setTimeout(done, 1000));
      return make(...of);
    };
    Object.assign(window, { createImageBitmap: slowly });
    // No model takes this format, so the browser makes another of it.
    const bitmap = new Uint8Array(58);
    bitmap.set([0x42, 0x4d, 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24]);
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([bitmap], 'photo.bmp', { type: 'image/bmp' }));
    field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  });
  const asked = page.waitForRequest((request) => request.url().endsWith('/api/chat') && request.method() === 'POST');
  await page.keyboard.press('Enter');
  await expect(composer(page)).toHaveValue('');
  const { message, images } = (await asked).postDataJSON() as { message: string; images?: string[] };
  expect(message).toBe('What is this?');
  expect(images).toHaveLength(1);
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });

  test('Enter is a new line, and costs nothing', async ({ page }) => {
    await composer(page).fill('one');
    await page.keyboard.press('Enter');
    await page.keyboard.type('two');
    await expect(composer(page)).toHaveValue('one\ntwo');
    await expect(page.locator('li[data-author="user"]')).toHaveCount(0);
    await page.goto('/images');
    await hydrated(page);
    const prompt = page.getByLabel('Describe your image');
    await prompt.fill('a cat');
    await page.keyboard.press('Enter');
    await page.keyboard.type('on a mat');
    await expect(prompt).toHaveValue('a cat\non a mat');
    await expect(page.locator('[data-tile]')).toHaveCount(0);
  });
});
