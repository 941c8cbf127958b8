-- What a tenant may have; none for no limit. Of each there is one column.
ALTER TABLE tenants ADD COLUMN max_agents BIGINT;
ALTER TABLE tenants ADD COLUMN max_users BIGINT;
ALTER TABLE tenants ADD COLUMN max_projects BIGINT;
ALTER TABLE tenants ADD COLUMN cpu_cores BIGINT;
ALTER TABLE tenants ADD COLUMN memory_mb BIGINT;
