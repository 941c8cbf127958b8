-- What people ask for: a higher budget for one agent. A request is decided once; its end state
-- never changes. `current_budget` and `agent_name` are as they were when it was made.
CREATE TABLE budget_requests (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    agent_name TEXT NOT NULL,
    requester_id TEXT NOT NULL,
    current_budget BIGINT NOT NULL CHECK (current_budget >= 0),
    requested_budget BIGINT NOT NULL,
    justification TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'denied', 'cancelled')),
    created_at BIGINT NOT NULL,
    decided_at BIGINT,
    decided_by TEXT,
    reason TEXT,
    notes TEXT,
    approved_budget BIGINT,
    PRIMARY KEY (tenant_id, id),
    CHECK (requested_budget > current_budget),
    CHECK ((status = 'pending') = (decided_at IS NULL)),
    CHECK ((status = 'pending') = (decided_by IS NULL)),
    CHECK ((status = 'approved') = (approved_budget IS NOT NULL))
);

CREATE INDEX budget_requests_by_time ON budget_requests (tenant_id, created_at);
CREATE INDEX budget_requests_by_agent ON budget_requests (tenant_id, agent_id);
CREATE INDEX budget_requests_by_requester ON budget_requests (tenant_id, requester_id);
