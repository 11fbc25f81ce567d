-- The place of an image among those of its user, given when it is stored: ids are made of the clock of whoever makes them.
ALTER TABLE images ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
UPDATE images SET place = counted.place
FROM (SELECT id, row_number() OVER (PARTITION BY user_id ORDER BY id) AS place FROM images WHERE state <> 'deleted') AS counted
WHERE counted.id = images.id;
DROP INDEX images_by_user;
DROP INDEX images_favorite;
CREATE UNIQUE INDEX images_by_user ON images (user_id, place) WHERE state <> 'deleted';
CREATE INDEX images_favorite ON images (user_id, place) WHERE favorite = 1 AND state <> 'deleted';

-- What the files of an image take, of those that are made from now on.
ALTER TABLE images ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX images_bytes ON images (user_id, bytes) WHERE bytes > 0;

-- Of which message this one is a copy, in a branch: images know by it where they are shown as well.
ALTER TABLE messages ADD COLUMN copy_of BLOB;
CREATE INDEX messages_copied ON messages (copy_of) WHERE copy_of IS NOT NULL;
