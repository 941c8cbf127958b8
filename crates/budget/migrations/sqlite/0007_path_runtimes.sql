-- A handshake asks for the leases of its own runtime: an agent may have many others.
DROP INDEX path_leases_by_agent;
CREATE INDEX path_leases_by_runtime
    ON path_leases (tenant_id, agent_id, runtime_id) WHERE state = 'active';
