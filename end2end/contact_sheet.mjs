// The contact sheet of a page: a row for each state, the pictures side by side, as HTML.

const STYLE = `
  body { margin: 24px; background: #8a8a8a; color: #fff; font: 14px/1.4 system-ui, sans-serif; }
  h1 { margin: 0 0 16px; font-size: 20px; }
  h2 { margin: 24px 0 8px; font-size: 15px; }
  div { display: flex; flex-wrap: wrap; gap: 12px; align-items: flex-start; }
  figure { margin: 0; }
  figcaption { font-size: 11px; }
  img { display: block; border: 1px solid #555; }
`;

/** On the sheet, pictures are so much smaller. */
const SCALE = 0.32;

/** `rows` are states with their pictures: `{ state, taken: [{ file, label, width }] }`. */
export function contactSheet(page, rows) {
  const picture = ({ file, label, width }) =>
    `<figure><figcaption>${label}</figcaption><img src="${file}" width="${Math.round(width * SCALE)}" alt=""></figure>`;
  const row = ({ state, taken }) => `<h2>${state}</h2><div>${taken.map(picture).join('')}</div>`;
  return `<!doctype html><meta charset="utf-8"><title>${page}</title><style>${STYLE}</style><h1>${page}</h1>${rows.map(row).join('')}`;
}
