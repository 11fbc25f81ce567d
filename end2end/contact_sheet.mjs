// The contact sheet of a page as HTML: its states, two in a line, each with its pictures side by side.

const STYLE = `
  body { margin: 24px; background: #8a8a8a; color: #fff; font: 14px/1.4 system-ui, sans-serif; }
  h1 { margin: 0 0 16px; font-size: 20px; }
  h2 { margin: 24px 0 8px; font-size: 15px; }
  main { display: grid; grid-template-columns: repeat(2, max-content); gap: 0 48px; width: max-content; }
  div { display: flex; gap: 12px; align-items: flex-start; }
  figure { margin: 0; }
  figcaption { font-size: 11px; }
  img { display: block; max-height: 900px; object-fit: cover; object-position: top; border: 1px solid #555; }
`;

/** On the sheet, pictures are so much smaller. */
const SCALE = 0.32;

/** `rows` are states with their pictures: `{ state, taken: [{ file, label, width }] }`. */
export function contactSheet(page, rows) {
  const picture = ({ file, label, width }) =>
    `<figure><figcaption>${label}</figcaption><img src="${file}" width="${Math.round(width * SCALE)}" alt=""></figure>`;
  const row = ({ state, taken }) => `<section><h2>${state}</h2><div>${taken.map(picture).join('')}</div></section>`;
  return `<!doctype html><meta charset="utf-8"><title>${page}</title><style>${STYLE}</style><h1>${page}</h1><main>${rows.map(row).join('')}</main>`;
}
