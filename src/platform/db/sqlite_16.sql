-- Receipts and credit notes, with all that stands on them. A number is used by the row that has it, and by no other.
CREATE TABLE papers (
    kind TEXT NOT NULL,
    year INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    id BLOB NOT NULL UNIQUE,
    -- The payment of a receipt, the refund of a credit note.
    subject TEXT NOT NULL,
    user_id BLOB NOT NULL,
    payment_id BLOB NOT NULL,
    issued_at INTEGER NOT NULL,
    -- JSON (`payments/server/papers/paper.rs`).
    content TEXT NOT NULL,
    PRIMARY KEY (kind, year, number),
    UNIQUE (kind, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX papers_by_user ON papers (user_id, id);
CREATE TRIGGER papers_no_update BEFORE UPDATE ON papers BEGIN SELECT RAISE(ABORT, 'papers stay as they are'); END;
CREATE TRIGGER papers_no_delete BEFORE DELETE ON papers BEGIN SELECT RAISE(ABORT, 'papers stay as they are'); END;

-- What buyers want on their papers, as JSON.
CREATE TABLE buyers (
    user_id BLOB PRIMARY KEY,
    details TEXT NOT NULL
) STRICT, WITHOUT ROWID;
