CREATE TABLE users (
    id BLOB PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Only the hash of a session's token is kept: who reads the database cannot sign in with it.
CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE accounts (
    user_id BLOB PRIMARY KEY,
    available INTEGER NOT NULL CHECK (available >= 0),
    held INTEGER NOT NULL CHECK (held >= 0),
    debt INTEGER NOT NULL CHECK (debt >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE holds (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES accounts (user_id),
    kind TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    state TEXT NOT NULL CHECK (state IN ('held', 'settled', 'released')),
    request_id TEXT NOT NULL,
    idempotency_key TEXT,
    fingerprint BLOB,
    created_at INTEGER NOT NULL,
    -- Whoever runs the work renews this; past it the work is taken for dead.
    lease_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX holds_by_key ON holds (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX holds_open ON holds (lease_until) WHERE state = 'held';
CREATE INDEX holds_open_by_user ON holds (user_id) WHERE state = 'held';
CREATE INDEX holds_keyed ON holds (created_at) WHERE idempotency_key IS NOT NULL;

CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    user_id BLOB NOT NULL REFERENCES accounts (user_id),
    kind TEXT NOT NULL,
    amount INTEGER NOT NULL,
    held_change INTEGER NOT NULL,
    available_after INTEGER NOT NULL,
    key TEXT NOT NULL UNIQUE,
    request_id TEXT NOT NULL,
    reason TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ledger_by_user ON ledger (user_id, seq);
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TABLE conversations (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX conversations_by_user ON conversations (user_id, updated_at, id);

CREATE TABLE messages (
    id BLOB PRIMARY KEY,
    conversation_id BLOB NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    author TEXT NOT NULL,
    content TEXT NOT NULL,
    state TEXT NOT NULL,
    provider TEXT,
    model TEXT,
    fallback INTEGER NOT NULL DEFAULT 0,
    credits INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- The id is a UUIDv7, so it orders a conversation by time.
CREATE INDEX messages_by_conversation ON messages (conversation_id, id);
