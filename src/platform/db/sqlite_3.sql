-- Keys for programs. Only the hash of a key is kept: who reads the database cannot use it.
CREATE TABLE api_keys (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- The last characters, by which people tell their keys apart.
    hint TEXT NOT NULL,
    -- Requests a minute; NULL: as many as the user.
    per_minute INTEGER,
    -- Credits in all; NULL: as many as the user has.
    budget INTEGER,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_by_user ON api_keys (user_id, id);

-- What a key has spent or holds, moved with the hold that it pays for.
CREATE TABLE api_key_spending (
    key_id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES accounts (user_id),
    spent INTEGER NOT NULL CHECK (spent >= 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX api_key_spending_by_user ON api_key_spending (user_id);
ALTER TABLE holds ADD COLUMN api_key BLOB;

-- Conversations of /v1 belong to its client, not to the list in the sidebar, and go after a day.
ALTER TABLE conversations ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;
DROP INDEX conversations_by_user;
CREATE INDEX conversations_by_user ON conversations (user_id, updated_at, id) WHERE hidden = 0;
CREATE INDEX conversations_hidden ON conversations (created_at) WHERE hidden = 1;

-- Not only that another provider answered, but for whom.
ALTER TABLE messages ADD COLUMN fallback_from TEXT;
ALTER TABLE messages DROP COLUMN fallback;

-- Every time that a provider was asked. Not tied to users and messages: what was paid stays paid when they go.
-- The id is a UUIDv7, so it is an index over time.
CREATE TABLE attempts (
    id BLOB PRIMARY KEY,
    request_id TEXT NOT NULL,
    reply_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    -- NULL: the price is not known.
    cost_micros INTEGER,
    latency_ms INTEGER NOT NULL,
    first_token_ms INTEGER,
    outcome TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_by_request ON attempts (request_id);

-- What a message shows, as JSON ([{"id", "mediaType"}]); NULL: nothing. The bytes are apart, as lists do not need them.
ALTER TABLE messages ADD COLUMN images TEXT;
CREATE TABLE attachments (
    id BLOB PRIMARY KEY,
    message_id BLOB NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    media_type TEXT NOT NULL,
    bytes BLOB NOT NULL
) STRICT;
CREATE INDEX attachments_by_message ON attachments (message_id);

-- What people do with conversations. Of the secret in a link, only the hash is kept.
ALTER TABLE conversations ADD COLUMN system_prompt TEXT;
ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN share_hash BLOB;
CREATE INDEX conversations_pinned ON conversations (user_id, updated_at, id) WHERE pinned = 1 AND hidden = 0;
CREATE UNIQUE INDEX conversations_by_share ON conversations (share_hash) WHERE share_hash IS NOT NULL;
