// A page on a slow phone, really slowed down: 4x slower CPU, 1.6 Mbit/s, 150 ms before each answer. Lighthouse computes its
// times from a fast run instead.
import { chromium } from '@playwright/test';

const LINE = { offline: false, latency: 150, downloadThroughput: 1_600_000 / 8, uploadThroughput: 750_000 / 8 };

/** When the page was painted and no long task was left (ms after the start of the navigation), run by run. */
export async function interactiveOnSlowPhone(url, runs) {
  const browser = await chromium.launch({
    executablePath: process.env.TESSERA_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const times = [];
  for (let run = 0; run < runs; run++) {
    const page = await browser.newPage({ viewport: { width: 412, height: 823 } });
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Network.enable');
    await devtools.send('Network.emulateNetworkConditions', LINE);
    await devtools.send('Emulation.setCPUThrottlingRate', { rate: 4 });
    await page.addInitScript(() => {
      window.ends = [];
      const note = (list) => window.ends.push(...list.getEntries().map(({ startTime, duration }) => startTime + duration));
      new PerformanceObserver(note).observe({ entryTypes: ['paint', 'longtask'] });
    });
    await page.goto(url);
    await page.waitForTimeout(2000);
    times.push(await page.evaluate(() => Math.max(...window.ends)));
    await page.close();
  }
  await browser.close();
  return times;
}
