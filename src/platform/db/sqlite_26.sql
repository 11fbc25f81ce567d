-- Who did what to whom. Its id begins with its time.
CREATE TABLE audit_log (
    id BLOB PRIMARY KEY NOT NULL,
    -- The id of a user, or operator, system, visitor.
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target BLOB,
    -- JSON.
    state_before TEXT,
    state_after TEXT,
    request_id TEXT NOT NULL,
    -- Names what happened once and for all, where it may be written more than once.
    once TEXT UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_log_by_actor ON audit_log (actor, id);
CREATE INDEX audit_log_by_target ON audit_log (target, id) WHERE target IS NOT NULL;
CREATE INDEX audit_log_by_action ON audit_log (action, id);
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
-- Sign-ins are forgotten after a time.
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log WHEN OLD.action NOT IN ('sign_in', 'sign_in_failed')
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- Users as admins look for them.
CREATE INDEX users_by_role ON users (role, id);
CREATE INDEX users_by_status ON users (status, id);
