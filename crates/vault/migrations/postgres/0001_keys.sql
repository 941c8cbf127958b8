-- One row: tells whether the master key that was given is the one that sealed everything.
CREATE TABLE vault_master (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    fingerprint BYTEA NOT NULL
);

-- The keys under which a tenant's secrets are sealed, each sealed under the master key.
CREATE TABLE vault_data_keys (
    tenant_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, version)
);

-- The keys of data subjects. Erasing a person empties `wrapped`; the row stays as the proof.
CREATE TABLE vault_subject_keys (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    subject BYTEA NOT NULL,
    wrapped BYTEA,
    created_at BIGINT NOT NULL,
    erased_at BIGINT,
    PRIMARY KEY (tenant_id, id),
    CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
);

CREATE UNIQUE INDEX vault_subject_keys_live ON vault_subject_keys (tenant_id, subject)
    WHERE erased_at IS NULL;
