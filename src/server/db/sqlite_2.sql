-- A reply may be written by another process than the one that is asked to stop it.
ALTER TABLE messages ADD COLUMN stop_requested INTEGER NOT NULL DEFAULT 0;
