CREATE TABLE teams (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    policy TEXT NOT NULL,
    -- What a member without a budget of its own is given, in nano-dollars.
    default_user_budget BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);

ALTER TABLE team_members ADD COLUMN team_role TEXT NOT NULL DEFAULT 'member';
ALTER TABLE team_members ADD COLUMN joined_at BIGINT NOT NULL DEFAULT 0;
