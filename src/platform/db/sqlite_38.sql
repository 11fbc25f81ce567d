-- What a model thought before a reply, and for how long, in milliseconds.
ALTER TABLE messages ADD COLUMN thoughts TEXT;
ALTER TABLE messages ADD COLUMN thought_ms INTEGER;
