-- Passkeys: what signatures of a user's authenticators are checked with.
CREATE TABLE passkeys (
    id BLOB PRIMARY KEY NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    credential_id BLOB NOT NULL UNIQUE,
    -- The public key, and what was seen of it, as JSON.
    credential TEXT NOT NULL,
    -- How often it had signed when it was last used; 0 where it does not count.
    counter INTEGER NOT NULL,
    name TEXT NOT NULL,
    -- Where it was made, in words.
    device TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX passkeys_of_users ON passkeys (user_id);

-- Ceremonies under way: each is finished once, on any server. Of its handle only the hash is kept.
CREATE TABLE passkey_ceremonies (
    handle_hash BLOB PRIMARY KEY NOT NULL,
    -- Who registers a passkey; NULL: somebody signs in.
    user_id BLOB,
    state TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX passkey_ceremonies_by_expiry ON passkey_ceremonies (expires_at);
