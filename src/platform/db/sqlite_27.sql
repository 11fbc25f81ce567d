-- What was asked, spent and earned in each quarter of an hour (`stats/`): a row for each source, replaced as a whole.
CREATE TABLE statistics (
    source TEXT NOT NULL,
    -- Its beginning, in milliseconds since 1970.
    start INTEGER NOT NULL,
    -- Tells whether the source has changed since.
    mark INTEGER NOT NULL,
    -- It changed after its time was over.
    corrected INTEGER NOT NULL,
    -- JSON (`stats/sums.rs`).
    sums TEXT NOT NULL,
    -- Who takes part, in pieces of one length.
    people BLOB NOT NULL,
    PRIMARY KEY (source, start)
) STRICT, WITHOUT ROWID;

-- By these, what is new is counted without reading it.
CREATE INDEX attempts_by_time ON attempts (created_at);
CREATE INDEX ledger_by_time ON ledger (created_at);
CREATE INDEX payments_by_time ON payments (created_at);
CREATE INDEX users_by_time ON users (created_at);
CREATE INDEX messages_cached ON messages (created_at) WHERE cached = 1;
