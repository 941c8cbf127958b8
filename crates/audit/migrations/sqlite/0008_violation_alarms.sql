-- What people are to be told of findings: one row for each agent and rule. `pending` findings have not
-- been told; `told_at` is when the last ones were.
CREATE TABLE violation_alarms (
    tenant_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    entity TEXT NOT NULL,
    channel TEXT NOT NULL,
    verdict TEXT NOT NULL,
    call_id TEXT NOT NULL,
    pending INTEGER NOT NULL,
    told_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, agent_id, rule)
) STRICT;
CREATE INDEX violation_alarms_due ON violation_alarms (told_at) WHERE pending > 0;
