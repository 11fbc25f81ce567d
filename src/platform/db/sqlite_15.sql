-- What users buy. What is asked for by, and what is counted, is in columns; `body` is the whole payment as JSON
-- (`payments/server/payment.rs`).
CREATE TABLE payments (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL,
    -- A change is stored only over the version that was read.
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    order_id TEXT UNIQUE,
    -- Money that came is of one payment.
    capture_id TEXT UNIQUE,
    -- The `Idempotency-Key` of the purchase.
    once_key TEXT,
    -- When to look at it again; NULL: it is done, or dead.
    look_at INTEGER,
    created_at INTEGER NOT NULL,
    -- In millionths.
    credits INTEGER NOT NULL CHECK (credits > 0),
    -- In the smallest unit of the currency.
    price INTEGER NOT NULL CHECK (price > 0),
    refunded INTEGER NOT NULL CHECK (refunded BETWEEN 0 AND price),
    currency TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX payments_of_user ON payments (user_id, id);
CREATE UNIQUE INDEX payments_by_key ON payments (user_id, once_key) WHERE once_key IS NOT NULL;
CREATE INDEX payments_to_look_at ON payments (id, look_at) WHERE look_at IS NOT NULL;

-- What the provider told by itself, once its effect was stored.
CREATE TABLE payment_events (
    id TEXT PRIMARY KEY,
    heard_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_events_forgotten ON payment_events (heard_at);
