-- Views of lists that an admin keeps: filters and order under a name.
CREATE TABLE saved_views (
    user_id BLOB NOT NULL,
    list TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Path and query.
    address TEXT NOT NULL,
    PRIMARY KEY (user_id, list, name)
) STRICT, WITHOUT ROWID;
