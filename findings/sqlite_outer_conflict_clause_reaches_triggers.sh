#!/usr/bin/env bash
# SQLite: `INSERT OR IGNORE` also ignores what goes wrong inside of the triggers that it fires.
#
# Guess:  OR IGNORE speaks of the row that is inserted; an INSERT in a trigger that violates its own UNIQUE fails the whole statement.
# Is so:  the clause of the outer statement takes the place of those inside: the row goes in, what its trigger had to write is dropped,
#         and nobody is told. OR REPLACE overwrites in the trigger's table in the same way. `ON CONFLICT DO NOTHING`, which looks like
#         another spelling of OR IGNORE, does not reach into triggers.
# Ours:   where a trigger keeps a second table in step, statements that fire it use ON CONFLICT, never OR.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check pysqlite3-binary==0.5.4.post2

"$work/env/bin/python" - <<'PY'
import sys
import pysqlite3

SCHEMA = """
CREATE TABLE sale (id TEXT PRIMARY KEY, price INTEGER) STRICT;
CREATE TABLE line (sale TEXT PRIMARY KEY, price INTEGER) STRICT;
CREATE TRIGGER sale_line AFTER INSERT ON sale BEGIN INSERT INTO line VALUES (new.id, new.price); END;
INSERT INTO line VALUES ('a', 1);
"""
# What each table holds afterwards: the new sale has the price 5, the line that is in the way has 1.
ATTEMPTS = [
    ("INSERT INTO sale VALUES ('a', 5)", [], [1]),
    ("INSERT INTO sale VALUES ('a', 5) ON CONFLICT DO NOTHING", [], [1]),
    ("INSERT OR IGNORE INTO sale VALUES ('a', 5)", [5], [1]),
    ("INSERT OR REPLACE INTO sale VALUES ('a', 5)", [5], [5]),
]

print(f"SQLite {pysqlite3.sqlite_version} (pysqlite3-binary 0.5.4.post2)")
as_described = True
for statement, *expected in ATTEMPTS:
    database = pysqlite3.connect(":memory:", isolation_level=None)
    database.executescript(SCHEMA)
    try:
        database.execute(statement)
        outcome = "done"
    except pysqlite3.IntegrityError as error:
        outcome = f"refused: {error}"
    seen = [[price for (price,) in database.execute(f"SELECT price FROM {table}")] for table in ("sale", "line")]
    print(f"{statement}: {outcome}; sales {seen[0]}, lines {seen[1]}")
    as_described &= seen == expected
sys.exit(0 if as_described else "this is not what was seen before")
PY
