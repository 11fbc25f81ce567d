-- When the first of the work's result left for the user: decides about the price where the work's own row is gone.
ALTER TABLE holds ADD COLUMN published_at INTEGER;

-- The answer ended because it was as long as one may be.
ALTER TABLE messages ADD COLUMN cut INTEGER NOT NULL DEFAULT 0;
