-- What a reply used, by what its price goes, and why it ends where it does.
ALTER TABLE messages ADD COLUMN cached_input_tokens INTEGER;
ALTER TABLE messages ADD COLUMN reasoning_tokens INTEGER;
-- The tokens were counted here: the provider said none, or none that could be.
ALTER TABLE messages ADD COLUMN tokens_estimated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN price_version TEXT;
-- NULL where it is cut: it is as long as one may be.
ALTER TABLE messages ADD COLUMN cut_reason TEXT;
ALTER TABLE attempts ADD COLUMN price_version TEXT;
