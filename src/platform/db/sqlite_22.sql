-- What users were told by mail of their credits (`credits/server/notices`), each once.

CREATE TABLE mailed_notices (
    owner_id BLOB NOT NULL,
    key TEXT NOT NULL,
    -- In milliseconds since 1970.
    at INTEGER NOT NULL,
    PRIMARY KEY (owner_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX mailed_notices_by_time ON mailed_notices (at);
