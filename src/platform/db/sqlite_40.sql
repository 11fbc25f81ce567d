-- What a reply had its provider write to its cache, for five minutes and for an hour.
ALTER TABLE messages ADD COLUMN cache_write_tokens INTEGER;
ALTER TABLE messages ADD COLUMN cache_write_1h_tokens INTEGER;
