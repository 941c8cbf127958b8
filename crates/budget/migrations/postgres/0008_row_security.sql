-- These belong to whom their lease belongs, whose own policy holds in the look at it.
CREATE POLICY tenant ON ledger_entries
    USING ((SELECT current_setting('iron.tenant', true)) = '*'
        OR EXISTS (SELECT 1 FROM leases WHERE leases.id = lease_id));
ALTER TABLE ledger_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger_entries FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON path_legs
    USING ((SELECT current_setting('iron.tenant', true)) = '*'
        OR EXISTS (SELECT 1 FROM leases WHERE leases.id = lease_id));
ALTER TABLE path_legs ENABLE ROW LEVEL SECURITY;
ALTER TABLE path_legs FORCE ROW LEVEL SECURITY;
