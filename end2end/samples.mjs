// Questions that the scripted upstream knows an answer to: what a conversation looks like, for pictures of the pages.

const CODE = `Walk the folder once, group files by size, and hash only those that share one. Most files are never read.

\`\`\`python
from collections import defaultdict
from hashlib import sha256
from pathlib import Path


def find_duplicates(root: Path) -> list[list[Path]]:
    """Groups of files below root with the same content."""
    by_size = defaultdict(list)
    for path in root.rglob("*"):
        if path.is_file():
            by_size[path.stat().st_size].append(path)

    by_hash = defaultdict(list)
    for paths in by_size.values():
        if len(paths) > 1:
            for path in paths:
                by_hash[sha256(path.read_bytes()).digest()].append(path)
    return [paths for paths in by_hash.values() if len(paths) > 1]
\`\`\`

Two notes:

1. \`read_bytes\` holds a whole file in memory; for large files, feed the hash in chunks.
2. Hard links count as duplicates here. Compare \`stat().st_ino\` to leave them out.
`;

const TABLE = `Both wake you up; they differ in how.

| | Tea | Coffee |
|---|---|---|
| Caffeine per cup | 30–50 mg | 80–120 mg |
| Feels like | a slow sunrise | a light switch |
| Steeps in | 3 min | 4 min |
| Also contains | L-theanine | chlorogenic acids |

> **Short answer:** coffee before a deadline, tea before a conversation.
`;

const TIDES = `Imagine the Moon is pulling on the Earth with an invisible string. It pulls hardest on the side that faces it, and the water there bulges up a little. On the far side the water is pulled *least*, so it lags behind and bulges too.

The Earth turns once a day, so your beach passes through both bulges:

- in a bulge, the sea comes up: **high tide**
- between two bulges, the sea goes out: **low tide**

That is why there are usually two high tides a day. When the Sun pulls along the same line as the Moon, at new and full moon, they are extra high.
`;

const TIDES_ZH = `潮汐其实是月亮在“拉”海水。

- 朝向月亮的一面被拉得最多，海水鼓起来；
- 背向月亮的一面被拉得最少，也会鼓起来。

地球每天转一圈，所以一个海滩一天通常会遇到**两次涨潮**和两次退潮。
`;

/** A question, its answer, and how long each word of it takes (ms). */
export const SAMPLES = [
  { question: 'Explain how tides work to a ten-year-old.', answer: TIDES, pause: 0 },
  { question: 'Compare tea and coffee in a small table.', answer: TABLE, pause: 0 },
  { question: 'Write a Python function that finds duplicate files.', answer: CODE, pause: 0 },
  { question: '用简单的话解释一下潮汐。', answer: TIDES_ZH, pause: 0 },
  { question: 'Explain tides once more, slowly.', answer: TIDES, pause: 200 },
];

/** What the built-in painter makes, and in which shape: all that the free credits pay for. */
export const IMAGES = [
  ['Mountains at dawn, mist in the valleys', '3:2'],
  ['A snowy village at night under the stars', '2:3'],
  ['A small island with palms at sunset', '21:9'],
  ['A lighthouse in a storm, waves against the rocks', '1:1'],
];

/** The words of an answer, each with what follows it. */
export const words = (answer) => answer.match(/\S+\s*/g);
