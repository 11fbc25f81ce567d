-- Codes that are redeemed for credits. Of a code only its hash is kept.
CREATE TABLE codes (
    hash BLOB PRIMARY KEY NOT NULL,
    campaign TEXT NOT NULL,
    credits INTEGER NOT NULL CHECK (credits > 0),
    -- NULL: as often as there are users.
    most_uses INTEGER,
    per_user INTEGER NOT NULL,
    expires_at INTEGER,
    -- How long its credits last, in milliseconds; NULL: they do not expire.
    credits_last INTEGER,
    created_at INTEGER NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE INDEX codes_of_campaigns ON codes (campaign);

-- Each use has a place among those of its user and among all, which nobody else has.
CREATE TABLE code_uses (
    id BLOB PRIMARY KEY NOT NULL,
    code BLOB NOT NULL,
    user_id BLOB NOT NULL,
    nth INTEGER NOT NULL,
    place INTEGER NOT NULL,
    campaign TEXT NOT NULL,
    credits INTEGER NOT NULL,
    code_expires_at INTEGER,
    credits_expire_at INTEGER,
    at INTEGER NOT NULL,
    -- Its credits are in the ledger.
    posted INTEGER NOT NULL DEFAULT 0,
    UNIQUE (code, user_id, nth),
    UNIQUE (code, place)
) WITHOUT ROWID;

CREATE INDEX unfinished_code_uses ON code_uses (at) WHERE posted = 0;
