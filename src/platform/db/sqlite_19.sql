-- What users pay for every month. What is asked for by is in columns; `body` is the whole subscription as JSON
-- (`payments/server/subscriptions/record.rs`).
CREATE TABLE subscriptions (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL,
    -- A change is stored only over the version that was read.
    version INTEGER NOT NULL,
    provider_id TEXT UNIQUE,
    -- It runs, or may begin: of these a user has one.
    is_open INTEGER NOT NULL,
    -- When to look at it again; NULL: it has ended.
    look_at INTEGER,
    created_at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX subscriptions_of_user ON subscriptions (user_id, id);
CREATE UNIQUE INDEX one_open_subscription ON subscriptions (user_id) WHERE is_open = 1;
CREATE INDEX subscriptions_to_look_at ON subscriptions (id, look_at) WHERE look_at IS NOT NULL;

-- The provider's plans, by what they stand for.
CREATE TABLE provider_plans (
    stands_for TEXT PRIMARY KEY,
    plan_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The times of plans that users have (`account/server/plans`).
CREATE TABLE plan_periods (
    user_id BLOB NOT NULL,
    -- A payment's, or that of the use of a code.
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    per_minute INTEGER NOT NULL CHECK (per_minute > 0),
    from_at INTEGER NOT NULL,
    until_at INTEGER NOT NULL,
    is_prepaid INTEGER NOT NULL,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

-- Days of a plan that a code gives, as JSON (`credits/server/codes`).
ALTER TABLE codes ADD COLUMN plan TEXT;
ALTER TABLE code_uses ADD COLUMN plan TEXT;
