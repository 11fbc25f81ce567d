// What Lighthouse says of the release, page by page: medians of three runs on its usual phone (4x slower CPU, 1.6 Mbit/s,
// 150 ms round trip). Results are printed, never asserted.
import { launch } from 'chrome-launcher';
import lighthouse from 'lighthouse';
import { SAMPLES } from './samples.mjs';
import { signUp, startSite } from './site.mjs';
import { interactiveOnSlowPhone } from './slow_phone.mjs';

const RUNS = 3;
const PAGES = [
  { path: '/' },
  { path: '/sign-in' },
  { path: '/components' },
  { path: '/chat', signedIn: true },
  { path: '/dashboard', signedIn: true },
];
const CATEGORIES = ['performance', 'accessibility', 'best-practices', 'seo'];
const AUDITS = ['interactive', 'largest-contentful-paint', 'total-blocking-time', 'cumulative-layout-shift'];

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

async function measure(url, port, cookie) {
  const extraHeaders = cookie && { Cookie: cookie };
  const runs = [];
  let failed = 0;
  while (runs.length < RUNS) {
    const { lhr } = await lighthouse(url, { port, onlyCategories: CATEGORIES, logLevel: 'error', extraHeaders });
    // A trace is lost now and then.
    if (lhr.runtimeError && ++failed < RUNS) continue;
    if (lhr.runtimeError) throw new Error(`${url}: ${lhr.runtimeError.message}`);
    runs.push(lhr);
  }
  return {
    scores: CATEGORIES.map((category) => Math.round(100 * median(runs.map((lhr) => lhr.categories[category].score ?? 0)))),
    times: AUDITS.map((audit) => median(runs.map((lhr) => lhr.audits[audit].numericValue))),
    flaws: CATEGORIES.flatMap((category) => runs[0].categories[category].auditRefs)
      .filter(({ id, weight }) => weight && (runs[0].audits[id].score ?? 1) < 0.9)
      .map(({ id }) => id),
  };
}

const { url, stop } = await startSite();
const chrome = await launch({
  chromePath: process.env.TESSERA_CHROMIUM ?? '/usr/bin/chromium',
  chromeFlags: ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run'],
});
try {
  const { cookie, post } = await signUp(url, 'Ada');
  await post('/api/chat', { message: SAMPLES[0].question });
  console.log(`\nLighthouse, phone (median of ${RUNS})`);
  console.log('  route         perf  a11y  best   SEO   interactive      LCP      TBT     CLS');
  for (const { path, signedIn } of PAGES) {
    const headers = signedIn && { cookie };
    if (!(await fetch(url + path, { headers })).ok) {
      console.log(`  ${path.padEnd(12)}  not there`);
      continue;
    }
    const { scores, times: [interactive, lcp, tbt, cls], flaws } = await measure(url + path, chrome.port, signedIn && cookie);
    const columns = [...scores.map((score) => `${score}`.padStart(6)), `${interactive.toFixed(0)} ms`.padStart(14)];
    columns.push(`${lcp.toFixed(0)} ms`.padStart(9), `${tbt.toFixed(0)} ms`.padStart(9), cls.toFixed(3).padStart(8));
    console.log(`  ${path.padEnd(12)}${columns.join('')}${flaws.length ? `  below 0.9: ${flaws.join(', ')}` : ''}`);
  }
  const interactive = median(await interactiveOnSlowPhone(url, RUNS));
  console.log(`  / interactive after ${interactive.toFixed(0)} ms, measured at 4x CPU slow-down and 1.6 Mbit/s (median of ${RUNS})`);
} finally {
  chrome.kill();
  await stop();
}
