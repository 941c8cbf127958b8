-- What tenants want looked for in texts, as it is now. At most one of a tenant is its default.
CREATE TABLE guardrail_profiles (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    profile TEXT NOT NULL,
    is_default BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE UNIQUE INDEX guardrail_profiles_name ON guardrail_profiles (tenant_id, name);
CREATE UNIQUE INDEX guardrail_profiles_default ON guardrail_profiles (tenant_id)
    WHERE is_default = 1;

-- What each profile has said, and since when.
CREATE TABLE guardrail_profile_versions (
    tenant_id TEXT NOT NULL,
    profile_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    name TEXT NOT NULL,
    profile TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, profile_id, version),
    FOREIGN KEY (tenant_id, profile_id) REFERENCES guardrail_profiles (tenant_id, id)
);
