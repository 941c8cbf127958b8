CREATE TABLE providers (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    sealed_key BYTEA,
    masked_key TEXT,
    key_version BIGINT NOT NULL,
    key_rotated_at BIGINT,
    base_url TEXT,
    organization TEXT,
    models TEXT NOT NULL,
    timeout_seconds BIGINT,
    active BIGINT NOT NULL,
    shared BIGINT NOT NULL,
    owner_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    PRIMARY KEY (tenant_id, id)
);

-- The name of a deleted provider may be used again.
CREATE UNIQUE INDEX providers_name ON providers (tenant_id, name) WHERE deleted_at IS NULL;

-- Prices that a tenant has set; the newest one that is in force counts.
CREATE TABLE price_overrides (
    tenant_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    model TEXT NOT NULL,
    effective_from BIGINT NOT NULL,
    price TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, kind, model, effective_from)
);

-- Rows of public price lists as they were imported.
CREATE TABLE price_imports (
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    listing TEXT NOT NULL,
    imported_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);
