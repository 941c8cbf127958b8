-- One row for each call of a tool that was decided; the record itself stands in `body`.
CREATE TABLE tool_calls (
    tenant_id TEXT NOT NULL,
    call_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    project_id TEXT,
    team_id TEXT,
    user_id TEXT,
    token_id TEXT NOT NULL,
    tool TEXT NOT NULL,
    tool_id TEXT,
    mode TEXT NOT NULL,
    decision TEXT NOT NULL,
    code TEXT,
    rules TEXT NOT NULL,
    approval_id TEXT,
    conversation TEXT,
    execution TEXT,
    risk_level TEXT,
    untrusted BIGINT NOT NULL,
    tainted BIGINT NOT NULL,
    rate_limit BIGINT,
    rate_remaining BIGINT,
    arguments_bytes BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    instance_id TEXT NOT NULL,
    incarnation BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant_id, call_id)
);
CREATE INDEX tool_calls_by_agent ON tool_calls (tenant_id, agent_id, started_at);
CREATE INDEX tool_calls_by_time ON tool_calls (tenant_id, started_at);
CREATE INDEX tool_calls_untrusted ON tool_calls (tenant_id, agent_id, COALESCE(conversation, ''), started_at)
    WHERE untrusted = 1;
CREATE INDEX tool_calls_by_record ON tool_calls (tenant_id, instance_id, incarnation, sequence);

-- What came of calls of tools, as the records of their results tell.
CREATE TABLE tool_results (
    tenant_id TEXT NOT NULL,
    call_id TEXT NOT NULL,
    status TEXT NOT NULL,
    duration_us BIGINT,
    output_bytes BIGINT NOT NULL,
    personal BIGINT NOT NULL,
    secrets BIGINT NOT NULL,
    told_at BIGINT NOT NULL,
    instance_id TEXT NOT NULL,
    incarnation BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, call_id)
);
CREATE INDEX tool_results_by_record ON tool_results (tenant_id, instance_id, incarnation, sequence);
