-- Who wants a key of his own, for what, from whose budget, and what became of it. The key itself
-- stands nowhere here: `agent_id` and `token_id` name what was made for it.
CREATE TABLE access_requests (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    requester_id TEXT NOT NULL,
    team_id TEXT NOT NULL,
    team_name TEXT NOT NULL,
    use_case TEXT NOT NULL,
    monthly_budget INTEGER NOT NULL CHECK (monthly_budget > 0),
    status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'denied', 'claimed', 'revoked')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    decided_at INTEGER,
    decided_by TEXT,
    budget INTEGER,
    allowed_models TEXT,
    reason TEXT,
    agent_id TEXT,
    token_id TEXT,
    expires_at INTEGER,
    claimed_at INTEGER,
    revoked_at INTEGER,
    PRIMARY KEY (tenant_id, id),
    CHECK ((status = 'pending') = (decided_at IS NULL)),
    CHECK ((status = 'revoked') = (revoked_at IS NOT NULL)),
    CHECK (status <> 'claimed' OR token_id IS NOT NULL),
    CHECK (status NOT IN ('approved', 'claimed') OR budget IS NOT NULL)
);

CREATE INDEX access_requests_by_time ON access_requests (tenant_id, created_at);
CREATE INDEX access_requests_by_requester ON access_requests (tenant_id, requester_id);
