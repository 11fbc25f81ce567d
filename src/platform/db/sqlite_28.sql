-- What is set for flags, and what is announced (JSON). Only what somebody changed.
CREATE TABLE flags (
    name TEXT PRIMARY KEY NOT NULL,
    -- One more with every change.
    version INTEGER NOT NULL,
    value TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    -- The id of a user, or operator, system.
    changed_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What each server asked of providers, by minute and by day.
CREATE TABLE provider_counts (
    span TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    provider TEXT NOT NULL,
    server BLOB NOT NULL,
    asked INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    -- In millionths of a US dollar.
    cost_micros INTEGER NOT NULL,
    PRIMARY KEY (span, starts_at, kind, provider, server)
) STRICT, WITHOUT ROWID;
