-- Which messages are shown, where some were replaced: runs of places as JSON (`chat/server/versions.rs`). NULL: all.
ALTER TABLE conversations ADD COLUMN versions TEXT;
