-- What agents may call besides models, as their owners have declared it.
CREATE TABLE tools (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    risk_level TEXT NOT NULL,
    tool TEXT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    rate TEXT NOT NULL,
    run TEXT,
    masked_secret TEXT,
    secret BYTEA,
    secret_version BIGINT NOT NULL,
    enabled BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE UNIQUE INDEX tools_name ON tools (tenant_id, name);

-- What tenants have decided about calls, as it is now.
CREATE TABLE policies (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    effect TEXT NOT NULL,
    scope TEXT NOT NULL,
    policy TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE UNIQUE INDEX policies_name ON policies (tenant_id, name);

-- What each policy has said, and since when.
CREATE TABLE policy_versions (
    tenant_id TEXT NOT NULL,
    policy_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    scope TEXT NOT NULL,
    policy TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, policy_id, version),
    FOREIGN KEY (tenant_id, policy_id) REFERENCES policies (tenant_id, id)
);

-- Policies that are built in and that a tenant has switched off.
CREATE TABLE built_in_policies_off (
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- Counts the changes of everything above that holds for calls, so that what is kept in memory can
-- be told from what is stale.
CREATE TABLE tool_rule_generations (
    tenant_id TEXT NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL
);
