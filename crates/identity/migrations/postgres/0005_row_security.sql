CREATE POLICY tenant ON tenants
    USING ((SELECT current_setting('iron.tenant', true)) IN (id, '*'));
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
