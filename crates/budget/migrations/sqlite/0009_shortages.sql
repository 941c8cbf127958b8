-- Whose calls wait for more of a budget than it can grant, while others have of it what they hold
-- for no call: it is asked back for them. A row is gone as soon as its calls go on, or are refused.
CREATE TABLE budget_shortages (
    tenant_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    unit TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    instance_id TEXT NOT NULL,
    missing INTEGER NOT NULL CHECK (missing > 0),
    since INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, scope, unit, starts_at, ends_at, instance_id)
);
