-- What a tenant may have; none for no limit. Of each there is one column.
ALTER TABLE tenants ADD COLUMN max_agents INTEGER;
ALTER TABLE tenants ADD COLUMN max_users INTEGER;
ALTER TABLE tenants ADD COLUMN max_projects INTEGER;
ALTER TABLE tenants ADD COLUMN cpu_cores INTEGER;
ALTER TABLE tenants ADD COLUMN memory_mb INTEGER;
