-- Tokens of all time, counted by agent, user, end user and conversation. The latter two are counted for each
-- agent apart; a user's row bears no agent.
CREATE TABLE token_totals (
    tenant_id TEXT NOT NULL,
    counted_by TEXT NOT NULL,
    subject TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    requests INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_nanos INTEGER NOT NULL,
    first_request_at INTEGER NOT NULL,
    last_request_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, counted_by, subject, agent_id)
) STRICT;
CREATE INDEX token_totals_by_time ON token_totals (tenant_id, counted_by, last_request_at);
CREATE INDEX token_totals_by_agent ON token_totals (tenant_id, agent_id, last_request_at);
