-- Entries that have been committed with their change and have not reached the journal yet.
CREATE TABLE audit_outbox (
    instance_id TEXT NOT NULL,
    id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (instance_id, id)
);

-- How far each journal has been projected, and by which incarnation.
CREATE TABLE journal_offsets (
    instance_id TEXT NOT NULL PRIMARY KEY,
    incarnation BIGINT NOT NULL,
    position BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Frames that no projection could take, set aside so that they block nothing.
CREATE TABLE journal_poison (
    instance_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    projection TEXT NOT NULL,
    reason TEXT NOT NULL,
    tenant_id TEXT,
    record TEXT,
    set_aside_at BIGINT NOT NULL,
    PRIMARY KEY (instance_id, position, projection)
);

-- Entries about changes in the control plane.
CREATE TABLE audit_entries (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    user_id TEXT,
    user_role TEXT,
    agent_id TEXT,
    credential_id TEXT,
    action TEXT NOT NULL,
    method TEXT,
    endpoint TEXT,
    resource_type TEXT NOT NULL,
    resource_id TEXT,
    status_code BIGINT NOT NULL,
    request_id TEXT,
    trace_id TEXT,
    origin_key TEXT,
    origin_sealed TEXT,
    details_key TEXT,
    details_sealed TEXT,
    instance_id TEXT NOT NULL,
    incarnation BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    previous_hash TEXT NOT NULL,
    mac TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_entries_by_time ON audit_entries (tenant_id, created_at);
CREATE INDEX audit_entries_by_user ON audit_entries (tenant_id, user_id, created_at);
CREATE INDEX audit_entries_by_resource ON audit_entries (tenant_id, resource_type, resource_id);

-- One row for each governed call; the record itself stands in `body`.
CREATE TABLE call_records (
    tenant_id TEXT NOT NULL,
    call_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    token_id TEXT NOT NULL,
    provider_id TEXT,
    model TEXT,
    outcome TEXT NOT NULL,
    status_code BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    instance_id TEXT NOT NULL,
    incarnation BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant_id, call_id)
);
CREATE INDEX call_records_by_agent ON call_records (tenant_id, agent_id, started_at);
CREATE INDEX call_records_by_time ON call_records (tenant_id, started_at);

-- Calls and their cost, summed over all time for each agent, token and provider.
CREATE TABLE usage_totals (
    tenant_id TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    requests BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    last_request_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, subject_id)
);

-- The same, for each minute (kept for two hours) and each hour.
CREATE TABLE usage_buckets (
    tenant_id TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    bucket_seconds BIGINT NOT NULL,
    starts_at BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, subject_id, bucket_seconds, starts_at)
);
CREATE INDEX usage_buckets_by_time ON usage_buckets (bucket_seconds, starts_at);
