-- Whose news a channel wants; all if there is none. `dead_in_row` counts the deliveries that were
-- given up since the last one that arrived.
ALTER TABLE notification_channels ADD COLUMN filter TEXT;
ALTER TABLE notification_channels ADD COLUMN dead_in_row BIGINT NOT NULL DEFAULT 0;

-- What is told at most once in a while, and when it was told last.
CREATE TABLE notification_told (
    tenant_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    told_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, subject)
);
