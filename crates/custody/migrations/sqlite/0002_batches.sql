-- Batches that agents have given to providers: whose each is, what it may cost at the most, and
-- when it is looked after next. `original` is absent until the provider has named it. A batch is
-- settled once, with its cost.
CREATE TABLE provider_batches (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    original TEXT,
    lease_id TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    plan TEXT NOT NULL,
    template TEXT NOT NULL,
    told TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    looks INTEGER NOT NULL,
    cost INTEGER,
    settled_at INTEGER
) STRICT;

CREATE INDEX provider_batches_by_agent ON provider_batches (tenant_id, agent_id, created_at);
CREATE INDEX provider_batches_due ON provider_batches (due_at) WHERE settled_at IS NULL;
