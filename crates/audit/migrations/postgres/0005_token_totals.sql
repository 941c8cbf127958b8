-- Tokens of all time, counted by agent, user, end user and conversation. The latter two are counted for each
-- agent apart; a user's row bears no agent.
CREATE TABLE token_totals (
    tenant_id TEXT NOT NULL,
    counted_by TEXT NOT NULL,
    subject TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    requests BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    first_request_at BIGINT NOT NULL,
    last_request_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, counted_by, subject, agent_id)
);
CREATE INDEX token_totals_by_time ON token_totals (tenant_id, counted_by, last_request_at);
CREATE INDEX token_totals_by_agent ON token_totals (tenant_id, agent_id, last_request_at);
