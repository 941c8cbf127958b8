-- Where a tenant's people are told. What authenticates us there is sealed; what is shown of it
-- stands in `settings`. Until `resting_until` the other side wants to be left alone.
CREATE TABLE notification_channels (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('email', 'slack', 'webhook')),
    settings TEXT NOT NULL,
    topics TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    sealed BYTEA,
    sealed_version BIGINT NOT NULL,
    resting_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE UNIQUE INDEX notification_channels_name ON notification_channels (tenant_id, name);

-- The outbox: what is to be told, written in the transaction of what happened. Whoever takes a
-- delivery counts `attempts` up and moves `due_at` ahead, so that another server takes it only if
-- this one does not come back.
CREATE TABLE notification_deliveries (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    notice TEXT NOT NULL,
    recipient TEXT,
    status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'dead')),
    attempts BIGINT NOT NULL,
    refusals BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    error TEXT,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES notification_channels (tenant_id, id)
);

CREATE INDEX notification_deliveries_due ON notification_deliveries (due_at) WHERE status = 'pending';
CREATE INDEX notification_deliveries_by_channel
    ON notification_deliveries (tenant_id, channel_id, created_at);
