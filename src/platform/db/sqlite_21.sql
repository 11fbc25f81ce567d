-- Who of an identity provider is which user here. The user may be made after it.
CREATE TABLE identities (
    id BLOB PRIMARY KEY NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id BLOB NOT NULL,
    -- What the provider called them: only to be shown.
    shown_as TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX identities_of_users ON identities (user_id);

-- Those that wait for their user to sign in.
CREATE TABLE identities_aside (
    token_hash BLOB PRIMARY KEY NOT NULL,
    id BLOB NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id BLOB NOT NULL,
    shown_as TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
