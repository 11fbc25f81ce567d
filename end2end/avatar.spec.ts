// The picture of oneself: sent by a form, shown in the menu, removed; with a script and without.
import { deflateSync } from 'node:zlib';
import { expect, expectAccessible, expectNoOverflow, hydrated, signUp, test } from './fixtures';

function crc(bytes: Buffer) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

/** A PNG of one colour. */
function png(width: number, height: number, [red, green, blue]: number[]) {
  const chunk = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.from([0, ...Array.from({ length: width }, () => [red, green, blue]).flat()]);
  const data = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

for (const script of [true, false]) {
  test.describe(script ? 'with a script' : 'without a script', () => {
    test.use({ javaScriptEnabled: script });

    test('a picture is sent, shown in the menu, and removed', async ({ page, complaints }) => {
      await signUp(page);
      await page.goto('/account');
      if (script) await hydrated(page);
      const section = page.getByRole('region', { name: 'Picture' });
      const menu = page.locator('header button img');
      await expect(menu).toHaveCount(0);
      const send = async (name: string, buffer: Buffer) => {
        await section.getByLabel('A PNG, JPEG or WebP of up to 2 MB').setInputFiles({ name, mimeType: 'image/png', buffer });
        await section.getByRole('button', { name: 'Save' }).click();
      };
      await send('me.png', Buffer.from('this is no picture'));
      await expect(page.getByText('This isn’t a readable PNG, JPEG or WebP of up to 2 MB.')).toBeVisible();
      await send('me.png', png(90, 40, [30, 120, 60]));
      await expect(page.getByText('Your picture was saved.')).toBeVisible();
      const src = (await menu.getAttribute('src'))!;
      const isLoaded = (image: Element) => (image as HTMLImageElement).complete && (image as HTMLImageElement).naturalWidth === 256;
      if (script) expect(await menu.evaluate(isLoaded)).toBe(true);
      await expect(section.getByRole('img', { name: 'Picture' })).toHaveAttribute('src', src);
      if (script) await expectAccessible(page, '#main');
      await page.setViewportSize({ width: 360, height: 740 });
      await expectNoOverflow(page);
      await page.goto('/chat');
      await expect(menu).toHaveAttribute('src', src);
      await page.goto('/account');
      await section.getByRole('button', { name: 'Remove picture' }).click();
      await expect(page.getByText('Your picture was removed.')).toBeVisible();
      await expect(menu).toHaveCount(0);
      if (!script) complaints.splice(0, complaints.length, ...complaints.filter((complaint) => !/\.js csp$/.test(complaint)));
    });
  });
}
