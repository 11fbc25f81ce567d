-- Responses of /v1 that a client may go on with.
CREATE TABLE responses (
    id BLOB PRIMARY KEY NOT NULL,
    user_id BLOB NOT NULL,
    previous BLOB,
    -- JSON.
    input TEXT NOT NULL,
    response TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX responses_by_user ON responses (user_id, id, bytes);
CREATE INDEX responses_by_time ON responses (created_at);
