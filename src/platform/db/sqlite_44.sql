-- What is said waits to be indexed from its beginning on, a reply with the message that it answers: its end writes nothing here. What is
-- still being written is left waiting.
DROP TRIGGER messages_said;
DROP TRIGGER messages_ended;
CREATE TRIGGER messages_said AFTER INSERT ON messages
WHEN new.state = 'running' OR new.content <> '' BEGIN
    INSERT OR IGNORE INTO search_pending (source)
    SELECT new.id FROM conversations WHERE id = new.conversation_id AND hidden = 0;
END;
-- Of those that are being written now.
INSERT OR IGNORE INTO search_pending (source)
SELECT m.id FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.state = 'running' AND c.hidden = 0;

-- One index for what a user's list shows and for all that is a user's.
DROP INDEX conversations_by_user;
DROP INDEX conversations_of_user;
CREATE INDEX conversations_by_user ON conversations (user_id, hidden, updated_at, id);
