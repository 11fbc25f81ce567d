#!/usr/bin/env bash
# SQLite FTS5: its `unicode61` takes the vowel signs of Hindi and Tamil for gaps, so a search for "time" finds nails and forts.
#
# Guess:  `unicode61` leaves out accents, as its manual says, and keeps words of every script that puts spaces between them.
# Is so:  only letters and digits belong to a word. A vowel sign of Hindi or Tamil is a mark, neither of them, so it ends the word like a
#         space: काल (time), कील (nail) and किला (fort) all become the words क and ल, and a search for the first finds all three.
#         `remove_diacritics` changes nothing about it. Both kinds of marks have to be named: `categories 'L* N* Co Mn Mc'`. `trigram`
#         tells the words apart, but finds none of two characters.
# Ours:   words are split before they come to the index, marks go with their letters, and the index itself splits at ASCII alone.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check pysqlite3-binary==0.5.4.post2

cd "$work"
"$work/env/bin/python" - <<'PY'
import sys

import pysqlite3

HINDI = ["काल", "कील", "किला", "कमल"]
TAMIL = ["கால்", "கோல்", "கல்", "மணி"]


def found(tokenizer, texts, wanted):
    database = pysqlite3.connect(":memory:")
    database.execute(f'CREATE VIRTUAL TABLE texts USING fts5 (words, tokenize = "{tokenizer}")')
    database.executemany("INSERT INTO texts VALUES (?)", [(text,) for text in texts])
    return [text for (text,) in database.execute("SELECT words FROM texts WHERE texts MATCH ? ORDER BY rowid", (f'"{wanted}"',))]


print(f"SQLite {pysqlite3.sqlite_version} (pysqlite3-binary 0.5.4.post2)")
as_described = True
for tokenizer, hindi, tamil in [
    ("unicode61", ["काल", "कील", "किला"], TAMIL[:2]),
    ("unicode61 remove_diacritics 0", ["काल", "कील", "किला"], TAMIL[:2]),
    ("unicode61 categories 'L* N* Co Mn Mc'", ["काल"], ["கால்"]),
    ("trigram", ["काल"], ["கால்"]),
]:
    seen = found(tokenizer, HINDI, HINDI[0]), found(tokenizer, TAMIL, TAMIL[0])
    print(f"{tokenizer}: {HINDI[0]} finds {', '.join(seen[0])}; {TAMIL[0]} finds {', '.join(seen[1])}")
    as_described &= seen == (hindi, tamil)
two = found("trigram", ["कल"], "कल")
print(f"trigram: कल finds {two or 'nothing'} in कल")
as_described &= two == []
sys.exit(0 if as_described else "this is not what was seen before")
PY
