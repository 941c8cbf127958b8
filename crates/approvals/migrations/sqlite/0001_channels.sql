-- Where a tenant's people are told. What authenticates us there is sealed; what is shown of it
-- stands in `settings`. Until `resting_until` the other side wants to be left alone.
CREATE TABLE notification_channels (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('email', 'slack', 'webhook')),
    settings TEXT NOT NULL,
    topics TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    sealed BLOB,
    sealed_version INTEGER NOT NULL,
    resting_until INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

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
    attempts INTEGER NOT NULL,
    refusals INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    error TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES notification_channels (tenant_id, id)
) STRICT;

CREATE INDEX notification_deliveries_due ON notification_deliveries (due_at) WHERE status = 'pending';
CREATE INDEX notification_deliveries_by_channel
    ON notification_deliveries (tenant_id, channel_id, created_at);
