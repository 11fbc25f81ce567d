-- What was done for requests that spend, sign in or pay, for 14 days. Its id begins with its time.
CREATE TABLE traces (
    id BLOB PRIMARY KEY NOT NULL,
    -- The client may have chosen it.
    request_id TEXT NOT NULL,
    -- Method and route, or recovery.
    what TEXT NOT NULL,
    user_id BLOB,
    at INTEGER NOT NULL,
    status INTEGER,
    took INTEGER NOT NULL,
    -- JSON.
    steps TEXT NOT NULL,
    cut INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX traces_by_request ON traces (request_id, at);
CREATE INDEX traces_by_time ON traces (at);
CREATE INDEX traces_of_user ON traces (user_id) WHERE user_id IS NOT NULL;
