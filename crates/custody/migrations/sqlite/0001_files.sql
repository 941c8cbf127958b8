-- Files that agents have stored at providers: whose each is, and what the provider has told of it.
CREATE TABLE provider_files (
    tenant_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    original TEXT NOT NULL,
    purpose TEXT,
    size_bytes INTEGER,
    told TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ends_at INTEGER,
    PRIMARY KEY (tenant_id, provider_id, original)
) STRICT;

CREATE INDEX provider_files_by_agent ON provider_files (tenant_id, agent_id, created_at);
