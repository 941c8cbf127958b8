-- What waits for the journal is of everybody. A tenant's work may add to it, and reads it never.
CREATE POLICY tenant ON audit_outbox
    USING ((SELECT current_setting('iron.tenant', true)) = '*') WITH CHECK (true);
ALTER TABLE audit_outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_outbox FORCE ROW LEVEL SECURITY;
