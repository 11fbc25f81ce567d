// The walk of a new user in the other two families of browsers. Everything else is looked at in Chromium.
import { expect, test } from '@playwright/test';
import { openFirefox, openWebKit } from './browsers.mjs';
import { newEmail, PASSWORD } from './fixtures';

const field = (label: string) => `//*[@id=//label[starts-with(normalize-space(), "${label}")]/@for]`;
const button = (name: string) => `//button[starts-with(normalize-space(), "${name}") or @aria-label="${name}"]`;
const link = (name: string) => `//a[starts-with(normalize-space(), "${name}")]`;

for (const [name, launch] of [['Firefox', openFirefox], ['WebKit', openWebKit]] as const) {
  test(`${name}: signing up, a streamed answer, an image, the credits and the account`, async ({ baseURL }) => {
    test.setTimeout(180_000);
    const site = baseURL!;
    const browser = await launch(site);
    const hydrated = () =>
      expect.poll(() => browser.run('document.documentElement.dataset.hydrated !== undefined'), { timeout: 60_000 }).toBe(true);
    try {
      await browser.open(`${site}/sign-up`);
      await browser.type(field('Email'), newEmail());
      await browser.type(field('Password'), PASSWORD);
      await browser.click(button('Sign up'));

      await browser.see('//textarea[@name="message"]');
      await hydrated();
      await browser.type('//textarea[@name="message"]', 'a few words #tokens=12');
      await browser.click(button('Send'));
      await browser.see('//li[@data-author="assistant" and @data-state="complete"]//*[contains(., "word12")]');

      await browser.click(link('Images'));
      await browser.type('//textarea[@name="prompt"]', 'A lighthouse in a storm');
      await browser.click('//button[starts-with(normalize-space(), "Create 1 image")]');
      await browser.see('//img[contains(@src, "/thumbnail")]');

      await browser.click('//a[@href="/dashboard"]');
      await browser.see('//table//*[contains(., "Image")]');
      await browser.see('//*[normalize-space()="7 credits"]');
      await browser.open(`${site}/account`);
      await browser.see('//h1[normalize-space()="Account"]');
      await hydrated();
      expect(await browser.complaints()).toEqual([]);
    } finally {
      await browser.close();
    }
  });
}
