-- Data planes elsewhere. Of a key only the SHA-256 is kept; a former key works for a while after
-- it was replaced. A key belongs to the first data folder (instance) that enrols with it.
CREATE TABLE runtimes (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    key_prefix TEXT NOT NULL,
    previous_digest BLOB,
    previous_valid_until INTEGER,
    instance_id TEXT UNIQUE,
    public_key TEXT,
    program TEXT,
    enrolled_at INTEGER,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE UNIQUE INDEX runtimes_by_key ON runtimes (digest);
CREATE UNIQUE INDEX runtimes_by_previous_key ON runtimes (previous_digest);
-- The name of one that was revoked may be used again.
CREATE UNIQUE INDEX runtimes_name ON runtimes (tenant_id, name) WHERE revoked_at IS NULL;

-- What stands above or behind an agent whose token the runtime has presented: scopes of budgets
-- and providers, by their ids, with the last time.
CREATE TABLE runtime_reach (
    tenant_id TEXT NOT NULL,
    runtime_id TEXT NOT NULL REFERENCES runtimes (id),
    subject TEXT NOT NULL,
    presented_at INTEGER NOT NULL,
    PRIMARY KEY (runtime_id, subject)
) STRICT;
