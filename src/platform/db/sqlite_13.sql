-- Amounts are millionths of a credit from now on. What was a user's is an owner's: the new name also keeps a program of
-- before from moving what it would take for whole credits.
ALTER TABLE accounts RENAME COLUMN user_id TO owner_id;
-- Where the credits come from, as JSON (`credits/server/lots.rs`), in the order in which they are used.
ALTER TABLE accounts ADD COLUMN lots TEXT NOT NULL DEFAULT '[]';
-- What was spent beyond all lots, and is owed.
ALTER TABLE accounts ADD COLUMN overdrawn INTEGER NOT NULL DEFAULT 0 CHECK (overdrawn >= 0);
-- When the next lot expires; NULL: none does.
ALTER TABLE accounts ADD COLUMN next_expiry INTEGER;
CREATE INDEX accounts_expiring ON accounts (next_expiry) WHERE next_expiry IS NOT NULL;

DROP TRIGGER ledger_no_update;
ALTER TABLE ledger RENAME COLUMN user_id TO owner_id;
ALTER TABLE ledger ADD COLUMN price_version TEXT;
-- From which lots, or to which, the credits went, as JSON.
ALTER TABLE ledger ADD COLUMN lots TEXT;
UPDATE ledger SET amount = amount * 1000000, held_change = held_change * 1000000, available_after = available_after * 1000000;
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

-- All that there is becomes one lot, which has the id of its owner.
UPDATE accounts SET available = available * 1000000, held = held * 1000000, debt = debt * 1000000;
UPDATE accounts SET overdrawn = max(debt - available - held, 0), lots = CASE WHEN available + held > debt THEN json_array(json_object(
    'id', (SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-' || substr(h, 13, 4) || '-' || substr(h, 17, 4) || '-' || substr(h, 21)
           FROM (SELECT lower(hex(owner_id)) AS h)),
    'origin', 'promo', 'amount', available + held - debt, 'left', available + held - debt,
    'at', coalesce((SELECT created_at FROM ledger l WHERE l.owner_id = accounts.owner_id ORDER BY seq LIMIT 1), 0)
)) ELSE '[]' END;

ALTER TABLE holds RENAME COLUMN user_id TO owner_id;
-- Who asked; the owner pays.
ALTER TABLE holds ADD COLUMN user_id BLOB;
-- Most that it may be extended to.
ALTER TABLE holds ADD COLUMN ceiling INTEGER NOT NULL DEFAULT 0;
-- What was charged of it.
ALTER TABLE holds ADD COLUMN charged INTEGER;
ALTER TABLE holds ADD COLUMN price_version TEXT NOT NULL DEFAULT '';
-- What counts it besides its key, as JSON: names of `spending`.
ALTER TABLE holds ADD COLUMN counters TEXT;
UPDATE holds SET amount = amount * 1000000, ceiling = amount * 1000000, user_id = owner_id,
    charged = CASE state WHEN 'settled' THEN amount * 1000000 END;
DROP INDEX holds_by_key;
CREATE UNIQUE INDEX holds_by_key ON holds (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- What is held or was spent by a key, or in the time of a budget.
CREATE TABLE spending (
    owner_id BLOB NOT NULL REFERENCES accounts (owner_id),
    counter TEXT NOT NULL,
    spent INTEGER NOT NULL CHECK (spent >= 0),
    -- When nobody asks for it any more; NULL: never.
    until INTEGER,
    PRIMARY KEY (owner_id, counter)
) STRICT, WITHOUT ROWID;
CREATE INDEX spending_forgotten ON spending (until) WHERE until IS NOT NULL;
INSERT INTO spending (owner_id, counter, spent)
    SELECT user_id, substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-' || substr(h, 13, 4) || '-' || substr(h, 17, 4) || '-' || substr(h, 21), spent * 1000000
    FROM (SELECT user_id, lower(hex(key_id)) AS h, spent FROM api_key_spending);
DROP TABLE api_key_spending;

-- The budgets of a user, as JSON (`credits/server/budgets.rs`).
CREATE TABLE budgets (
    owner_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    plan TEXT NOT NULL,
    PRIMARY KEY (owner_id, user_id)
) STRICT, WITHOUT ROWID;

UPDATE api_keys SET budget = budget * 1000000 WHERE budget IS NOT NULL;
UPDATE messages SET credits = credits * 1000000 WHERE credits <> 0;
UPDATE images SET credits = credits * 1000000 WHERE credits <> 0;
