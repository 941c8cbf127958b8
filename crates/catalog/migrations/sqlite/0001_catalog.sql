CREATE TABLE providers (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    sealed_key BLOB,
    masked_key TEXT,
    key_version INTEGER NOT NULL,
    key_rotated_at INTEGER,
    base_url TEXT,
    organization TEXT,
    models TEXT NOT NULL,
    timeout_seconds INTEGER,
    active INTEGER NOT NULL,
    shared INTEGER NOT NULL,
    owner_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;

-- The name of a deleted provider may be used again.
CREATE UNIQUE INDEX providers_name ON providers (tenant_id, name) WHERE deleted_at IS NULL;

-- Prices that a tenant has set; the newest one that is in force counts.
CREATE TABLE price_overrides (
    tenant_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    model TEXT NOT NULL,
    effective_from INTEGER NOT NULL,
    price TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, kind, model, effective_from)
) STRICT;

-- Rows of public price lists as they were imported.
CREATE TABLE price_imports (
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    listing TEXT NOT NULL,
    imported_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, name)
) STRICT;
