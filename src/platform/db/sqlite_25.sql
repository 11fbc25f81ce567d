-- The authenticator app of a user: the second step of signing in. Codes are made of the key, so it is kept as it is.
CREATE TABLE authenticator_apps (
    user_id BLOB PRIMARY KEY NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    -- NULL: nobody is asked for its codes yet.
    confirmed_at INTEGER,
    -- The last one whose code was accepted.
    last_step INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Recovery codes that were not used. Only the hash of one is kept.
CREATE TABLE recovery_codes (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash BLOB NOT NULL,
    PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;

-- Those who have taken the first step.
CREATE TABLE half_sign_ins (
    token_hash BLOB PRIMARY KEY NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The hash of what the password was then.
    password BLOB NOT NULL,
    next TEXT NOT NULL,
    tries INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX half_sign_ins_of_user ON half_sign_ins (user_id);
CREATE INDEX half_sign_ins_by_expiry ON half_sign_ins (expires_at);
