-- Tools that an answer of `/v1` calls: a list, as JSON.
ALTER TABLE messages ADD COLUMN calls TEXT;
