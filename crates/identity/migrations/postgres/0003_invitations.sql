-- By what invited people set their first password: one for each at most, known by its SHA-256
-- alone. Whoever uses it takes it away; a newer one takes its place.
CREATE TABLE invitations (
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    digest BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);
