-- The API key that a provider was asked with; NULL: none, or before this was recorded.
ALTER TABLE attempts ADD COLUMN key_id BLOB;
CREATE INDEX attempts_by_key ON attempts (key_id, created_at, id) WHERE key_id IS NOT NULL;
-- Those that failed are few, and looked for among all.
CREATE INDEX attempts_failed ON attempts (created_at, id) WHERE outcome NOT IN ('ok', 'stopped');
