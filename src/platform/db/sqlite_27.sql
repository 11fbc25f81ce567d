-- Which picture a user shows of themselves: the name of a file.
CREATE TABLE avatars (
    user_id BLOB PRIMARY KEY NOT NULL,
    image_id BLOB NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;
