-- The close of each day: JSON, which the hash is of. Each knows the hash of the one before.
CREATE TABLE closes (
    number INTEGER PRIMARY KEY NOT NULL,
    day TEXT NOT NULL UNIQUE,
    attempt BLOB NOT NULL UNIQUE,
    hash TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER closes_no_update BEFORE UPDATE ON closes BEGIN SELECT RAISE(ABORT, 'a close never changes'); END;
CREATE TRIGGER closes_no_delete BEFORE DELETE ON closes BEGIN SELECT RAISE(ABORT, 'a close never changes'); END;

-- Each account as the try of a close left it, as JSON. It counts if the close of this number was made by this try.
CREATE TABLE closed_accounts (
    owner_id BLOB NOT NULL,
    attempt BLOB NOT NULL,
    close INTEGER NOT NULL,
    number INTEGER NOT NULL,
    books TEXT NOT NULL,
    PRIMARY KEY (owner_id, attempt)
) STRICT, WITHOUT ROWID;

-- What the reconciliation found, as JSON. The id begins with its time.
CREATE TABLE reconciliations (
    id BLOB PRIMARY KEY NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who does what one server does at a time.
CREATE TABLE leases (
    name TEXT PRIMARY KEY NOT NULL,
    holder BLOB NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
