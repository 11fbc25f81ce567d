-- The bytes of images, apart from where they are shown: branches show the same. They go with the last that shows them.
CREATE TABLE attachment_files (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL,
    size INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT;
-- What a user has stored is added up from the index alone.
CREATE INDEX attachment_files_by_user ON attachment_files (user_id, size);
INSERT INTO attachment_files (id, user_id, size, bytes)
    SELECT a.id, c.user_id, length(a.bytes), a.bytes FROM attachments a
    JOIN messages m ON m.id = a.message_id JOIN conversations c ON c.id = m.conversation_id;
CREATE TABLE attachments_of_messages (
    id BLOB PRIMARY KEY,
    message_id BLOB NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    media_type TEXT NOT NULL,
    file_id BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO attachments_of_messages (id, message_id, media_type, file_id)
    SELECT id, message_id, media_type, id FROM attachments;
DROP TABLE attachments;
ALTER TABLE attachments_of_messages RENAME TO attachments;
CREATE INDEX attachments_by_message ON attachments (message_id);
CREATE INDEX attachments_by_file ON attachments (file_id);
CREATE TRIGGER attachment_files_go AFTER DELETE ON attachments
WHEN NOT EXISTS (SELECT 1 FROM attachments WHERE file_id = OLD.file_id)
BEGIN
    DELETE FROM attachment_files WHERE id = OLD.file_id;
END;
