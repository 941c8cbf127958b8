-- One row: tells whether the master key that was given is the one that sealed everything.
CREATE TABLE vault_master (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    fingerprint BLOB NOT NULL
) STRICT;

-- The keys under which a tenant's secrets are sealed, each sealed under the master key.
CREATE TABLE vault_data_keys (
    tenant_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, version)
) STRICT;

-- The keys of data subjects. Erasing a person empties `wrapped`; the row stays as the proof.
CREATE TABLE vault_subject_keys (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    subject BLOB NOT NULL,
    wrapped BLOB,
    created_at INTEGER NOT NULL,
    erased_at INTEGER,
    PRIMARY KEY (tenant_id, id),
    CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX vault_subject_keys_live ON vault_subject_keys (tenant_id, subject)
    WHERE erased_at IS NULL;
