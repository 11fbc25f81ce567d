-- Sessions as their users see them. What is NULL is as of `created_at`: sessions from before.
ALTER TABLE sessions ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN last_used_at INTEGER;
-- When its owner last proved who they are.
ALTER TABLE sessions ADD COLUMN confirmed_at INTEGER;
-- active, disabled or erasing: only who is active is let in.
ALTER TABLE users ADD COLUMN status TEXT NOT NULL DEFAULT 'active';
-- What a user has chosen for all devices, as JSON (`account/server/sessions/profile.rs`).
ALTER TABLE users ADD COLUMN preferences TEXT;
