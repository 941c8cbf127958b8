-- The last record of each chain that a runtime elsewhere has sent: the next must link to it.
CREATE TABLE journal_heads (
    instance_id TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (instance_id, tenant_id)
) STRICT;
