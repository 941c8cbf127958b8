-- What is set for the whole system holds for everybody, so everybody may read it.
CREATE POLICY tenant ON settings_versions
    USING ((SELECT current_setting('iron.tenant', true)) IN (tenant_id, '*'));
CREATE POLICY system ON settings_versions FOR SELECT USING (tenant_id IS NULL);
ALTER TABLE settings_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE settings_versions FORCE ROW LEVEL SECURITY;
