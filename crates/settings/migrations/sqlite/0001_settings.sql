-- What is set at each level, every version of it: the newest one counts.
CREATE TABLE settings_versions (
    holder TEXT NOT NULL,
    version INTEGER NOT NULL,
    id TEXT NOT NULL,
    level TEXT NOT NULL,
    tenant_id TEXT,
    document TEXT NOT NULL,
    changes TEXT NOT NULL,
    comment TEXT,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (holder, version)
) STRICT;

CREATE INDEX settings_versions_tenant ON settings_versions (tenant_id);

-- Counts every change of any level: whoever changes something holds it, and servers see by it that
-- something has changed.
CREATE TABLE settings_head (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL
) STRICT;

INSERT INTO settings_head (one, version) VALUES (1, 0);
