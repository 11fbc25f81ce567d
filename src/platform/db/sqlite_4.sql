-- Images. A row stays until its files are gone: one that was deleted is the entry of the queue that deletes them, and
-- keeps nothing else. No reference to users or conversations, which would take that entry away with them.
CREATE TABLE images (
    id BLOB PRIMARY KEY,
    -- NULL: only files are known of it.
    user_id BLOB,
    -- Where it was made, and the reply that shows it.
    conversation_id BLOB,
    reply_id BLOB,
    prompt TEXT NOT NULL DEFAULT '',
    aspect_ratio TEXT NOT NULL DEFAULT '16:9',
    seed INTEGER NOT NULL DEFAULT 0,
    provider TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    is_ai INTEGER NOT NULL DEFAULT 1,
    fallback_from TEXT,
    -- The provider's own id of the work.
    remote_id TEXT,
    -- running, complete, failed, stopped, or deleted.
    state TEXT NOT NULL,
    -- Which run of the job may write to it.
    run BLOB,
    stop_requested INTEGER NOT NULL DEFAULT 0,
    width INTEGER NOT NULL DEFAULT 0,
    height INTEGER NOT NULL DEFAULT 0,
    placeholder TEXT,
    credits INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    favorite INTEGER NOT NULL DEFAULT 0,
    -- When its files should be deleted; NULL: they should not.
    cleanup_at INTEGER,
    cleanup_tries INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX images_by_user ON images (user_id, id) WHERE state <> 'deleted';
CREATE INDEX images_running ON images (user_id) WHERE state = 'running';
CREATE INDEX images_favorite ON images (user_id, id) WHERE favorite = 1 AND state <> 'deleted';
CREATE INDEX images_by_conversation ON images (conversation_id) WHERE conversation_id IS NOT NULL;
CREATE INDEX images_cleanup ON images (cleanup_at) WHERE cleanup_at IS NOT NULL;
