CREATE TABLE agents (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    project_id TEXT NOT NULL,
    team_id TEXT,
    owner_id TEXT NOT NULL,
    settings TEXT NOT NULL,
    switched_off INTEGER NOT NULL,
    runtime_state TEXT NOT NULL,
    pause_reason TEXT,
    environment TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;

-- The name of a deleted agent may be used again.
CREATE UNIQUE INDEX agents_name ON agents (tenant_id, project_id, name) WHERE deleted_at IS NULL;
CREATE INDEX agents_of_owner ON agents (tenant_id, owner_id);

CREATE TABLE agent_tags (
    tenant_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    tag TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, agent_id, tag)
) STRICT;

CREATE INDEX agent_tags_by_tag ON agent_tags (tenant_id, tag);

CREATE TABLE agent_providers (
    tenant_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, agent_id, provider_id)
) STRICT;

CREATE INDEX agent_providers_by_provider ON agent_providers (tenant_id, provider_id);
