-- The code in the link by which a user brings others, and who brought whom.
CREATE TABLE invite_codes (
    user_id BLOB PRIMARY KEY CHECK (length(user_id) = 16),
    code TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE inviters (
    user_id BLOB PRIMARY KEY CHECK (length(user_id) = 16),
    inviter_id BLOB NOT NULL CHECK (length(inviter_id) = 16)
) STRICT;
CREATE INDEX inviters_by_inviter ON inviters (inviter_id);
