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
    untrusted INTEGER NOT NULL,
    tainted INTEGER NOT NULL,
    rate_limit INTEGER,
    rate_remaining INTEGER,
    arguments_bytes INTEGER NOT NULL,
    cost_nanos INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    instance_id TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    hash TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant_id, call_id)
) STRICT;
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
    duration_us INTEGER,
    output_bytes INTEGER NOT NULL,
    personal INTEGER NOT NULL,
    secrets INTEGER NOT NULL,
    told_at INTEGER NOT NULL,
    instance_id TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, call_id)
) STRICT;
CREATE INDEX tool_results_by_record ON tool_results (tenant_id, instance_id, incarnation, sequence);
