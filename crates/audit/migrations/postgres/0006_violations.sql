-- What guardrails found in the texts of calls: what and where, never the texts. `id` is the call and
-- a number within it.
CREATE TABLE violations (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    call_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    project_id TEXT,
    team_id TEXT,
    user_id TEXT,
    profile_id TEXT,
    profile_version BIGINT NOT NULL,
    entity TEXT NOT NULL,
    rule TEXT NOT NULL,
    channel TEXT NOT NULL,
    verdict TEXT NOT NULL,
    severity TEXT,
    score_permille BIGINT NOT NULL,
    part BIGINT NOT NULL,
    span_start BIGINT NOT NULL,
    span_end BIGINT NOT NULL,
    occurred_at BIGINT NOT NULL,
    instance_id TEXT NOT NULL,
    incarnation BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX violations_by_time ON violations (tenant_id, occurred_at);
CREATE INDEX violations_by_agent ON violations (tenant_id, agent_id, occurred_at);
CREATE INDEX violations_by_record ON violations (tenant_id, instance_id, incarnation, sequence);
