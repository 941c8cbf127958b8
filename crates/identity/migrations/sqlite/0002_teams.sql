CREATE TABLE teams (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    policy TEXT NOT NULL,
    -- What a member without a budget of its own is given, in nano-dollars.
    default_user_budget INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
) STRICT;

ALTER TABLE team_members ADD COLUMN team_role TEXT NOT NULL DEFAULT 'member';
ALTER TABLE team_members ADD COLUMN joined_at INTEGER NOT NULL DEFAULT 0;
