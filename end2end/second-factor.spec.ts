// Two-step sign-in: set up, asked for, by a recovery code, and turned off; with a script and without.
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { PASSWORD, expect, expectAccessible, expectComplaints, expectNoOverflow, hydrated, signUp, test } from './fixtures';

/** What an authenticator app shows (RFC 6238), so many steps from now. */
function code(key: string, steps = 0) {
  const bits = [...key].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const bytes = Buffer.from(bits.match(/.{8}/g)!.map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const digest = createHmac('sha1', bytes).update(counter).digest();
  const value = digest.readUInt32BE(digest[19] & 15) & 0x7fffffff;
  return (value % 1_000_000).toString().padStart(6, '0');
}

const section = (page: Page) => page.getByRole('region', { name: /^Two-step sign-in/ });

async function signIn(page: Page, email: string) {
  await page.context().clearCookies();
  await page.goto('/sign-in?next=%2Fimages');
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL('**/sign-in/second-step');
}

async function secondStep(page: Page, code: string) {
  await page.getByRole('textbox', { name: 'Code' }).fill(code);
  await page.getByRole('button', { name: 'Continue', exact: true }).click();
}

for (const script of [true, false]) {
  test.describe(script ? 'with a script' : 'without a script', () => {
    test.use({ javaScriptEnabled: script });

    test('a second step is set up, asked for, and turned off', async ({ page, complaints }) => {
      const look = async () => {
        await expectNoOverflow(page);
        if (script) await expectAccessible(page);
      };
      const email = await signUp(page);
      await page.goto('/account');
      await expect(section(page)).toContainText('Off');
      await section(page).getByRole('button', { name: 'Set up two-step sign-in' }).click();
      const picture = page.getByRole('img', { name: /^QR code/ });
      await expect(picture).toBeVisible();
      const box = (await picture.boundingBox())!;
      expect(box.width).toBeGreaterThan(200);
      await look();
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await look();
      }
      await page.setViewportSize({ width: 360, height: 740 });
      await look();
      await page.setViewportSize({ width: 1280, height: 720 });
      const key = (await page.locator('code').innerText()).replaceAll(' ', '');
      expect(await page.getByRole('link', { name: 'Open in an app' }).getAttribute('href')).toContain(`secret=${key}`);
      await page.getByRole('textbox', { name: 'Code' }).fill('no code');
      await page.getByRole('button', { name: 'Turn on' }).click();
      await expect(page.getByText('That code is wrong')).toBeVisible();
      await expect(page.getByRole('textbox', { name: 'Code' })).toBeFocused();
      await look();
      const used = code(key);
      await page.getByRole('textbox', { name: 'Code' }).fill(used);
      await page.getByRole('button', { name: 'Turn on' }).click();
      await expect(page.getByText('Two-step sign-in is on.')).toBeVisible();
      await look();
      const codes = (await page.locator('pre').innerText()).trim().split('\n');
      expect(new Set(codes).size).toBe(10);
      const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download as text' }).click()]);
      expect(file.suggestedFilename()).toBe('tessera-recovery-codes.txt');
      expect((await readFile(await file.path(), 'utf8')).trim().split('\n')).toEqual(codes);
      await page.getByRole('link', { name: 'Back to your account' }).click();
      await expect(section(page)).toContainText('10 recovery codes are left');

      if (script) {
        await hydrated(page);
        await page.getByRole('button', { name: /account/i }).click();
        await page.getByText('Sign out', { exact: true }).last().click();
        await page.waitForURL(/127\.0\.0\.1:\d+\/$/);
      }
      await signIn(page, email);
      await look();
      await expect(page.getByRole('textbox', { name: 'Code' })).toBeFocused();
      await secondStep(page, used);
      await expect(page.getByText('That code is wrong')).toBeVisible();
      await secondStep(page, code(key, 1));
      await page.waitForURL('**/images');

      await signIn(page, email);
      await secondStep(page, codes[0].toLowerCase());
      await page.waitForURL('**/images');
      await page.goto('/account');
      await expect(section(page)).toContainText('9 recovery codes are left');
      if (script) await expectAccessible(page, '#main');

      await section(page).getByRole('button', { name: 'Turn off two-step sign-in' }).click();
      await expect(page.getByText('Two-step sign-in is off.')).toBeVisible();
      await page.context().clearCookies();
      await page.goto('/sign-in');
      await page.getByLabel('Email').fill(email);
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await page.waitForURL('**/chat');
      // What was asked for early is of no use without a script.
      if (!script) complaints.splice(0, complaints.length, ...complaints.filter((complaint) => !/\.js csp$/.test(complaint)));
      // Two wrong codes.
      expectComplaints(complaints, /status of 400/);
    });
  });
}
