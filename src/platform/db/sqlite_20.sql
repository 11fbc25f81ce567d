-- When it was shown last that an address is its user's, in milliseconds since 1970.
ALTER TABLE users ADD COLUMN email_verified_at INTEGER;

-- Links that are sent by mail. Only the hash of one is kept, and only the newest of each purpose.
CREATE TABLE mail_links (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    -- The address that it was sent to.
    email TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, purpose)
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_links_by_expiry ON mail_links (expires_at);
