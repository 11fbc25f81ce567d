-- Without AUTOINCREMENT, whose count is one page more to write with every entry. No entry is ever deleted, so the next number is still
-- one that none had.
CREATE TABLE ledger_of_43 (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    owner_id BLOB NOT NULL REFERENCES accounts (owner_id),
    kind TEXT NOT NULL,
    amount INTEGER NOT NULL,
    held_change INTEGER NOT NULL,
    available_after INTEGER NOT NULL,
    key TEXT NOT NULL UNIQUE,
    request_id TEXT NOT NULL,
    reason TEXT,
    created_at INTEGER NOT NULL,
    price_version TEXT,
    -- From which lots, or to which, the credits went, as JSON.
    lots TEXT
) STRICT;
INSERT INTO ledger_of_43 (seq, id, owner_id, kind, amount, held_change, available_after, key, request_id, reason, created_at,
    price_version, lots)
SELECT seq, id, owner_id, kind, amount, held_change, available_after, key, request_id, reason, created_at, price_version, lots
FROM ledger ORDER BY seq;
DROP TABLE ledger;
ALTER TABLE ledger_of_43 RENAME TO ledger;
CREATE INDEX ledger_by_user ON ledger (owner_id, seq);
-- The ledger of all is listed in this order: entries of one time by their id.
CREATE INDEX ledger_by_time ON ledger (created_at, id);
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
-- REPLACE takes a row away without asking its delete triggers.
CREATE TRIGGER ledger_no_replace BEFORE INSERT ON ledger
WHEN EXISTS (SELECT 1 FROM ledger WHERE seq = NEW.seq OR id = NEW.id OR key = NEW.key)
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
