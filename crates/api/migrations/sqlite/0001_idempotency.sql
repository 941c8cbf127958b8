-- The first answers to requests that carried an Idempotency-Key, sealed, for 24 hours.
-- A row without a status belongs to a request that is still running.
CREATE TABLE api_idempotency_keys (
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    path TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status INTEGER,
    location TEXT,
    answer BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id, path, idempotency_key),
    CHECK ((status IS NULL) = (answer IS NULL))
) STRICT;

CREATE INDEX api_idempotency_keys_expiry ON api_idempotency_keys (expires_at);
