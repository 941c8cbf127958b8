-- Leases of runtimes that are not ours: the same amount on every budget of an agent's path. Each
-- budget has a lease of its own (`path_legs`), the agent's under the id of the whole; what is
-- counted here is what each of them says. `held` is set aside by our gateways for calls that are
-- under way; `itemised` is what single calls have cost, which a final account may exceed.
CREATE TABLE path_leases (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    token_id TEXT NOT NULL,
    runtime_id TEXT NOT NULL,
    runtime_version TEXT,
    provider_id TEXT NOT NULL,
    model TEXT,
    state TEXT NOT NULL CHECK (state IN ('active', 'orphaned', 'revoked', 'closed')),
    granted BIGINT NOT NULL CHECK (granted >= 0),
    settled BIGINT NOT NULL CHECK (settled >= 0),
    returned BIGINT NOT NULL CHECK (returned >= 0),
    held BIGINT NOT NULL CHECK (held >= 0),
    itemised BIGINT NOT NULL CHECK (itemised >= 0),
    remaining_at_return BIGINT,
    opened_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX path_leases_by_agent ON path_leases (tenant_id, agent_id) WHERE state = 'active';
CREATE INDEX path_leases_by_expiry ON path_leases (expires_at) WHERE state = 'active';

CREATE TABLE path_legs (
    lease_id TEXT NOT NULL PRIMARY KEY REFERENCES leases (id),
    path_id TEXT NOT NULL REFERENCES path_leases (id)
);

CREATE INDEX path_legs_by_path ON path_legs (path_id);

-- Which calls of an agent have been told of: each counts once, for ever. One that went through a
-- gateway of ours stands here from its hold on, and is told of later, if at all.
CREATE TABLE path_requests (
    tenant_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    path_id TEXT NOT NULL,
    reported_at BIGINT,
    PRIMARY KEY (tenant_id, agent_id, request_id)
);

-- Passes for our gateways, each good for one call. Only their digests are kept.
CREATE TABLE path_passes (
    digest BYTEA NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    path_id TEXT NOT NULL REFERENCES path_leases (id),
    token_digest BYTEA NOT NULL,
    call_id TEXT,
    expires_at BIGINT NOT NULL
);

CREATE INDEX path_passes_by_expiry ON path_passes (expires_at);
CREATE INDEX path_passes_by_path ON path_passes (path_id);

-- What a gateway has set aside for an attempt of a call, until it is settled.
CREATE TABLE path_holds (
    tenant_id TEXT NOT NULL,
    call_id TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    path_id TEXT NOT NULL REFERENCES path_leases (id),
    instance_id TEXT NOT NULL,
    incarnation BIGINT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    held_at BIGINT NOT NULL,
    settled BIGINT,
    PRIMARY KEY (tenant_id, call_id, attempt)
);

CREATE INDEX path_holds_open ON path_holds (instance_id, incarnation) WHERE settled IS NULL;
