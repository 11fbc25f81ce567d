-- Finding what was said. The words of a text are made by the program (`chat/server/search/`), each with a mark of its
-- user before it, so that one user's search never reads what others said: this only keeps where they stand.
CREATE VIRTUAL TABLE search USING fts5 (words, content = '', contentless_delete = 1, tokenize = 'ascii');
-- What a row of it stands for: a message, or the title of a conversation, then with the conversation's own id.
CREATE TABLE search_documents (
    id INTEGER PRIMARY KEY,
    source BLOB NOT NULL UNIQUE,
    conversation_id BLOB NOT NULL
) STRICT;
CREATE TRIGGER search_documents_deleted AFTER DELETE ON search_documents BEGIN
    DELETE FROM search WHERE rowid = old.id;
END;
-- What is not indexed yet, or not as it is now. Triggers keep the list, so no write can forget it.
CREATE TABLE search_pending (
    source BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TRIGGER messages_said AFTER INSERT ON messages
WHEN new.state <> 'running' AND new.content <> '' BEGIN
    INSERT OR IGNORE INTO search_pending (source)
    SELECT new.id FROM conversations WHERE id = new.conversation_id AND hidden = 0;
END;
CREATE TRIGGER messages_ended AFTER UPDATE OF state ON messages
WHEN old.state = 'running' AND new.state <> 'running' AND new.content <> '' BEGIN
    INSERT OR IGNORE INTO search_pending (source)
    SELECT new.id FROM conversations WHERE id = new.conversation_id AND hidden = 0;
END;
CREATE TRIGGER messages_deleted AFTER DELETE ON messages BEGIN
    DELETE FROM search_documents WHERE source = old.id;
    DELETE FROM search_pending WHERE source = old.id;
END;
CREATE TRIGGER conversations_begun AFTER INSERT ON conversations WHEN new.hidden = 0 BEGIN
    INSERT OR IGNORE INTO search_pending (source) VALUES (new.id);
END;
CREATE TRIGGER conversations_renamed AFTER UPDATE OF title ON conversations
WHEN new.hidden = 0 AND new.title <> old.title BEGIN
    INSERT OR IGNORE INTO search_pending (source) VALUES (new.id);
END;
CREATE TRIGGER conversations_deleted AFTER DELETE ON conversations BEGIN
    DELETE FROM search_documents WHERE source = old.id;
    DELETE FROM search_pending WHERE source = old.id;
END;

-- What is there already is indexed while the server runs: only its ids are read here, from an index.
INSERT INTO search_pending (source) SELECT id FROM conversations WHERE hidden = 0;
INSERT OR IGNORE INTO search_pending (source)
SELECT m.id FROM conversations c JOIN messages m ON m.conversation_id = c.id WHERE c.hidden = 0;
