-- Prices that held, by what they are of and their version.
CREATE TABLE known_prices (
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    kind TEXT NOT NULL,
    version TEXT NOT NULL,
    -- JSON.
    terms TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (provider, model, kind, version)
) STRICT, WITHOUT ROWID;
