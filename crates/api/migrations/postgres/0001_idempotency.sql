-- The first answers to requests that carried an Idempotency-Key, sealed, for 24 hours.
-- A row without a status belongs to a request that is still running.
CREATE TABLE api_idempotency_keys (
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    path TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    status BIGINT,
    location TEXT,
    answer BYTEA,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, user_id, path, idempotency_key),
    CHECK ((status IS NULL) = (answer IS NULL))
);

CREATE INDEX api_idempotency_keys_expiry ON api_idempotency_keys (expires_at);
