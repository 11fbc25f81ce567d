-- What a key may do, and until when. Those that there are may do what they could.
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'spend read manage';
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;
