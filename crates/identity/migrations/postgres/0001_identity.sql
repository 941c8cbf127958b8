CREATE TABLE tenants (
    id TEXT NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    plan TEXT NOT NULL,
    status TEXT NOT NULL,
    suspend_reason TEXT,
    suspended_at BIGINT,
    deletion_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE projects (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    team_id TEXT,
    cost_center TEXT,
    settings TEXT NOT NULL,
    is_default BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);

CREATE TABLE users (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    id TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    status TEXT NOT NULL,
    platform_admin BIGINT NOT NULL,
    auth_source TEXT NOT NULL,
    password_hash TEXT,
    must_change_password BIGINT NOT NULL,
    suspend_reason TEXT,
    last_login_at BIGINT,
    suspended_at BIGINT,
    deleted_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- The address of a deleted user may be used again.
CREATE UNIQUE INDEX users_email ON users (tenant_id, email) WHERE deleted_at IS NULL;
CREATE INDEX users_by_email ON users (email);

CREATE TABLE team_members (
    tenant_id TEXT NOT NULL,
    team_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (tenant_id, team_id, user_id)
);

CREATE INDEX team_members_of_user ON team_members (tenant_id, user_id);

CREATE TABLE sessions (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    refresh_digest BYTEA NOT NULL UNIQUE,
    refresh_expires_at BIGINT NOT NULL,
    csrf_digest BYTEA,
    ip TEXT,
    user_agent TEXT,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX sessions_of_user ON sessions (tenant_id, user_id, ended_at);

-- Refresh tokens that have been used once: whoever shows one again ends the session.
CREATE TABLE spent_refresh_tokens (
    digest BYTEA NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX spent_refresh_tokens_expiry ON spent_refresh_tokens (expires_at);

-- Failures in a row, by a keyed hash of the e-mail address, whether or not it belongs to a user.
CREATE TABLE login_locks (
    subject BYTEA NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    locked_until BIGINT,
    last_failure_at BIGINT NOT NULL
);

CREATE TABLE login_failures (
    id TEXT NOT NULL PRIMARY KEY,
    address TEXT NOT NULL,
    failed_at BIGINT NOT NULL
);

CREATE INDEX login_failures_of_address ON login_failures (address, failed_at);

CREATE TABLE api_tokens (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    digest BYTEA NOT NULL UNIQUE,
    token_prefix TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT,
    total_requests BIGINT NOT NULL,
    requests_today BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX api_tokens_of_user ON api_tokens (tenant_id, user_id);

CREATE TABLE ic_tokens (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    agent_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    description TEXT,
    digest BYTEA NOT NULL UNIQUE,
    token_prefix TEXT NOT NULL,
    previous_digest BYTEA UNIQUE,
    previous_valid_until BIGINT,
    previous_last_used_at BIGINT,
    -- 1 until the token is revoked or replaced after its end.
    live BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    rotated_at BIGINT,
    rotated_by TEXT,
    revoked_at BIGINT,
    PRIMARY KEY (tenant_id, id)
);

CREATE UNIQUE INDEX ic_tokens_live ON ic_tokens (tenant_id, agent_id) WHERE live = 1;
CREATE INDEX ic_tokens_of_agent ON ic_tokens (tenant_id, agent_id);
