CREATE TABLE tenants (
    id TEXT NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    plan TEXT NOT NULL,
    status TEXT NOT NULL,
    suspend_reason TEXT,
    suspended_at INTEGER,
    deletion_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE projects (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    team_id TEXT,
    cost_center TEXT,
    settings TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
) STRICT;

CREATE TABLE users (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    id TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    status TEXT NOT NULL,
    platform_admin INTEGER NOT NULL,
    auth_source TEXT NOT NULL,
    password_hash TEXT,
    must_change_password INTEGER NOT NULL,
    suspend_reason TEXT,
    last_login_at INTEGER,
    suspended_at INTEGER,
    deleted_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

-- The address of a deleted user may be used again.
CREATE UNIQUE INDEX users_email ON users (tenant_id, email) WHERE deleted_at IS NULL;
CREATE INDEX users_by_email ON users (email);

CREATE TABLE team_members (
    tenant_id TEXT NOT NULL,
    team_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (tenant_id, team_id, user_id)
) STRICT;

CREATE INDEX team_members_of_user ON team_members (tenant_id, user_id);

CREATE TABLE sessions (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    refresh_digest BLOB NOT NULL UNIQUE,
    refresh_expires_at INTEGER NOT NULL,
    csrf_digest BLOB,
    ip TEXT,
    user_agent TEXT,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    ended_at INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX sessions_of_user ON sessions (tenant_id, user_id, ended_at);

-- Refresh tokens that have been used once: whoever shows one again ends the session.
CREATE TABLE spent_refresh_tokens (
    digest BLOB NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX spent_refresh_tokens_expiry ON spent_refresh_tokens (expires_at);

-- Failures in a row, by a keyed hash of the e-mail address, whether or not it belongs to a user.
CREATE TABLE login_locks (
    subject BLOB NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    locked_until INTEGER,
    last_failure_at INTEGER NOT NULL
) STRICT;

CREATE TABLE login_failures (
    id TEXT NOT NULL PRIMARY KEY,
    address TEXT NOT NULL,
    failed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX login_failures_of_address ON login_failures (address, failed_at);

CREATE TABLE api_tokens (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    digest BLOB NOT NULL UNIQUE,
    token_prefix TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    revoked_at INTEGER,
    total_requests INTEGER NOT NULL,
    requests_today INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX api_tokens_of_user ON api_tokens (tenant_id, user_id);

CREATE TABLE ic_tokens (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    agent_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    description TEXT,
    digest BLOB NOT NULL UNIQUE,
    token_prefix TEXT NOT NULL,
    previous_digest BLOB UNIQUE,
    previous_valid_until INTEGER,
    previous_last_used_at INTEGER,
    -- 1 until the token is revoked or replaced after its end.
    live INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    rotated_at INTEGER,
    rotated_by TEXT,
    revoked_at INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE UNIQUE INDEX ic_tokens_live ON ic_tokens (tenant_id, agent_id) WHERE live = 1;
CREATE INDEX ic_tokens_of_agent ON ic_tokens (tenant_id, agent_id);
