// Renders the icons and the picture for links into public/, from SVG and HTML, with Chromium.
const { readFileSync, writeFileSync } = require('node:fs');
const { resolve } = require('node:path');
const { pathToFileURL } = require('node:url');
const { chromium } = require('@playwright/test');

const PUBLIC = resolve(__dirname, '../../public');
const svg = (name) => readFileSync(resolve(PUBLIC, name), 'utf8');

const TILES = svg('favicon.svg');
const MASKABLE = svg('icon-maskable.svg');
/** Systems that round the corners themselves want the tiles on a ground. */
const ON_GROUND = `<div style="display:grid;place-items:center;height:100%;background:#fffefc"><div style="width:68%">${TILES}</div></div>`;

const ICONS = [
  { file: 'favicon-32.png', html: TILES, size: 32 },
  { file: 'apple-touch-icon.png', html: ON_GROUND, size: 180 },
  { file: 'icon-192.png', html: TILES, size: 192 },
  { file: 'icon-512.png', html: TILES, size: 512 },
  { file: 'icon-maskable-192.png', html: MASKABLE, size: 192 },
  { file: 'icon-maskable-512.png', html: MASKABLE, size: 512 },
];

/** The icon under the name that browsers ask for where a page names none: an ICO with the PNG in it. */
function writeIco() {
  const png = readFileSync(resolve(PUBLIC, 'favicon-32.png'));
  const head = Buffer.alloc(22);
  // One picture of 32 by 32 pixels, one plane, 32 bits each, which begins after this head.
  [[2, 1], [4, 1], [10, 1], [12, 32]].forEach(([at, value]) => head.writeUInt16LE(value, at));
  head.writeUInt8(32, 6);
  head.writeUInt8(32, 7);
  head.writeUInt32LE(png.length, 14);
  head.writeUInt32LE(22, 18);
  writeFileSync(resolve(PUBLIC, 'favicon.ico'), Buffer.concat([head, png]));
}

(async () => {
  const browser = await chromium.launch({ executablePath: process.env.TESSERA_CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    const page = await browser.newPage();
    for (const { file, html, size } of ICONS) {
      await page.setViewportSize({ width: size, height: size });
      await page.setContent(`<style>html,body{margin:0;height:100%}svg{display:block;width:100%}</style>${html}`);
      await page.screenshot({ path: resolve(PUBLIC, file), omitBackground: true });
    }
    writeIco();
    await page.setViewportSize({ width: 1200, height: 630 });
    await page.goto(pathToFileURL(resolve(__dirname, 'og.html')).href);
    await page.evaluate(() => document.fonts.ready);
    await page.screenshot({ path: resolve(PUBLIC, 'og.png') });
  } finally {
    await browser.close();
  }
})();
