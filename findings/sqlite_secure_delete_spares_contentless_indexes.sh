#!/usr/bin/env bash
# SQLite FTS5: with `contentless_delete`, the option "secure-delete" is taken and changes nothing: deleted words stay in the file.
#
# Guess:  FTS5's "secure-delete" takes a row's words out of the index when the row is deleted, whatever kind of table it is; with
#         `PRAGMA secure_delete` and VACUUM besides, nothing of them is left in the file.
# Is so:  that holds for a table that stores its texts. One with `content='', contentless_delete=1` accepts the option without a
#         word and keeps the deleted ones; a search no longer finds them, but the bytes survive even VACUUM. Only merging the index
#         ("optimize", or "merge" with a negative number and then a positive one) takes them out.
# Ours:   the search index is such a table, so whoever has to be sure that words are gone merges it afterwards.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check pysqlite3-binary==0.5.4.post2

cd "$work"
"$work/env/bin/python" - <<'PY'
import pathlib
import sys

import pysqlite3

WORD = "zanzibarian"
SECURE = "INSERT INTO texts (texts, rank) VALUES ('secure-delete', 1)"
OPTIMIZE = "INSERT INTO texts (texts) VALUES ('optimize')"
CONTENTLESS = ", content='', contentless_delete=1"


def outcome(number, options, before, after):
    """How many rows a search finds after the deletion, and whether the word is in the file."""
    path = pathlib.Path(f"{number}.db")
    database = pysqlite3.connect(str(path), isolation_level=None)
    database.execute("PRAGMA secure_delete = ON")
    database.execute(f"CREATE VIRTUAL TABLE texts USING fts5 (words{options})")
    for statement in before:
        database.execute(statement)
    for row in range(1, 201):
        text = f"common {WORD if row == 100 else f'word{row}'}"
        database.execute("INSERT INTO texts (rowid, words) VALUES (?, ?)", (row, text))
    database.execute("DELETE FROM texts WHERE rowid = 100")
    for statement in after:
        database.execute(statement)
    (found,) = database.execute("SELECT count(*) FROM texts WHERE texts MATCH ?", (WORD,)).fetchone()
    database.execute("VACUUM")
    database.close()
    return found, WORD.encode() in path.read_bytes()


print(f"SQLite {pysqlite3.sqlite_version} (pysqlite3-binary 0.5.4.post2)")
as_described = True
for number, (name, options, before, after, stays) in enumerate([
    ("stored", "", [], [], True),
    ('stored, "secure-delete"', "", [SECURE], [], False),
    ("contentless_delete", CONTENTLESS, [], [], True),
    ('contentless_delete, "secure-delete"', CONTENTLESS, [SECURE], [], True),
    ('contentless_delete, then "optimize"', CONTENTLESS, [], [OPTIMIZE], False),
]):
    found, is_there = outcome(number, options, before, after)
    print(f"{name:37} found: {found}, still in the file: {is_there}")
    as_described &= (found, is_there) == (0, stays)
sys.exit(0 if as_described else "this is not what was seen before")
PY
