-- What becomes of users who take everything along or have it erased (`leaving/`): of each kind the newest. `body` is how far it is,
-- as JSON.
CREATE TABLE leavings (
    user_id BLOB NOT NULL,
    -- export or erasure.
    kind TEXT NOT NULL,
    -- The try that may go on with it.
    run BLOB NOT NULL,
    -- When to look at it again, or until when its try is taken for alive; NULL: it has ended.
    look_at INTEGER,
    -- When another may begin in its place.
    free_at INTEGER NOT NULL,
    -- The hash of what its user can follow it by.
    receipt BLOB UNIQUE,
    body TEXT NOT NULL,
    PRIMARY KEY (user_id, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX leavings_to_look_at ON leavings (kind, look_at) WHERE look_at IS NOT NULL;

-- Archives, in pieces, until they are fetched or forgotten.
CREATE TABLE export_pieces (
    id INTEGER PRIMARY KEY,
    run BLOB NOT NULL,
    number INTEGER NOT NULL,
    user_id BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (run, number)
) STRICT;
CREATE INDEX export_pieces_of_user ON export_pieces (user_id);
CREATE INDEX export_pieces_by_expiry ON export_pieces (expires_at);

-- Who has had the credits of new accounts, and is not to have them again: slow hashes of addresses and identities that no user
-- has any more.
CREATE TABLE welcomed (
    hash BLOB PRIMARY KEY NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is a user's is found without looking at what is others'.
CREATE INDEX conversations_of_user ON conversations (user_id, id);
CREATE INDEX attempts_of_user ON attempts (user_id, id);
CREATE INDEX images_of_user ON images (user_id, id) WHERE user_id IS NOT NULL;
