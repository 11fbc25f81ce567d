-- The place of a message in its conversation, given when it is stored: ids are made of the clock of whoever makes them.
ALTER TABLE messages ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
UPDATE messages SET place = counted.place
FROM (SELECT id, row_number() OVER (PARTITION BY conversation_id ORDER BY id) AS place FROM messages) AS counted
WHERE counted.id = messages.id;
DROP INDEX messages_by_conversation;
CREATE UNIQUE INDEX messages_by_conversation ON messages (conversation_id, place);

-- Written to see whether something can be.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL,
    -- Since when it was written to without a gap.
    steady_since INTEGER NOT NULL
) STRICT;
INSERT INTO probe (id, at, steady_since) VALUES (1, 0, 0);
