-- What calls are told apart by: one row for each combination that has come up. Empty where a call has
-- none.
CREATE TABLE rollup_dimensions (
    id BIGINT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    team_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    environment TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    model TEXT NOT NULL,
    operation TEXT NOT NULL,
    outcome TEXT NOT NULL,
    error_type TEXT NOT NULL
);
CREATE UNIQUE INDEX rollup_dimensions_alike ON rollup_dimensions (tenant_id, agent_id, user_id, team_id,
    project_id, environment, provider_id, model, operation, outcome, error_type);

-- Sums of calls for each hour and each day (UTC). `durations` and `costs` tell how these are spread:
-- `bucket:count`, with commas between.
CREATE TABLE rollups (
    tenant_id TEXT NOT NULL,
    bucket_seconds BIGINT NOT NULL,
    starts_at BIGINT NOT NULL,
    dimensions_id BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    least_nanos BIGINT NOT NULL,
    most_nanos BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    durations TEXT NOT NULL,
    costs TEXT NOT NULL,
    PRIMARY KEY (tenant_id, bucket_seconds, starts_at, dimensions_id)
);
