#!/usr/bin/env bash
# SQLite: `INSERT OR REPLACE` takes a row out of a table whose delete trigger refuses every deletion.
#
# Guess:  a trigger BEFORE DELETE that raises keeps rows for good, however somebody tries to get rid of them.
# Is so:  DELETE, UPDATE and an upsert are refused, but REPLACE deletes the old row without firing its delete triggers: they fire only
#         under `PRAGMA recursive_triggers=ON`, whose name says nothing of it and which is off by default.
# Ours:   a table that is append-only by triggers needs that pragma, or a trigger BEFORE INSERT that looks for the key.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check pysqlite3-binary==0.5.4.post2

"$work/env/bin/python" - <<'PY'
import sys
import pysqlite3

SCHEMA = """
CREATE TABLE book (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL) STRICT;
CREATE TRIGGER book_keeps BEFORE DELETE ON book BEGIN SELECT RAISE(ABORT, 'rows stay'); END;
CREATE TRIGGER book_stands BEFORE UPDATE ON book BEGIN SELECT RAISE(ABORT, 'rows stay'); END;
INSERT INTO book VALUES (1, 10);
"""
ATTEMPTS = [
    ("DELETE FROM book", "off", 10),
    ("UPDATE book SET amount = 99", "off", 10),
    ("INSERT INTO book VALUES (1, 99) ON CONFLICT (id) DO UPDATE SET amount = 99", "off", 10),
    ("INSERT OR REPLACE INTO book VALUES (1, 99)", "off", 99),
    ("INSERT OR REPLACE INTO book VALUES (1, 99)", "on", 10),
]

print(f"SQLite {pysqlite3.sqlite_version} (pysqlite3-binary 0.5.4.post2)")
as_described = True
for statement, recursive, expected in ATTEMPTS:
    database = pysqlite3.connect(":memory:", isolation_level=None)
    database.executescript(SCHEMA)
    database.execute(f"PRAGMA recursive_triggers = {recursive}")
    try:
        database.execute(statement)
        outcome = "done"
    except pysqlite3.IntegrityError as error:
        outcome = f"refused: {error}"
    [(amount,)] = database.execute("SELECT amount FROM book").fetchall()
    print(f"recursive_triggers {recursive:3}  {statement}: {outcome}; the row says {amount}")
    as_described &= amount == expected
sys.exit(0 if as_described else "this is not what was seen before")
PY
