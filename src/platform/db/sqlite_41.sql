-- The ledger of all is listed in this order: entries of one time by their id.
DROP INDEX ledger_by_time;
CREATE INDEX ledger_by_time ON ledger (created_at, id);
