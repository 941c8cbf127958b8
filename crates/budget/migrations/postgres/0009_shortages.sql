-- Whose calls wait for more of a budget than it can grant, while others have of it what they hold
-- for no call: it is asked back for them. A row is gone as soon as its calls go on, or are refused.
CREATE TABLE budget_shortages (
    tenant_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    unit TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    instance_id TEXT NOT NULL,
    missing BIGINT NOT NULL CHECK (missing > 0),
    since BIGINT NOT NULL,
    asked_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, scope, unit, starts_at, ends_at, instance_id)
);
