-- A reply may be written by another process than the one that is asked to stop it.
ALTER TABLE messages ADD COLUMN stop_requested INTEGER NOT NULL DEFAULT 0;
-- Whether a reply was given before, to the same question.
ALTER TABLE messages ADD COLUMN cached INTEGER NOT NULL DEFAULT 0;
