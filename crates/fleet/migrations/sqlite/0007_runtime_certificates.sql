-- What runtimes are known by beside their keys: the SHA-256 of client certificates, in hexadecimal
-- digits. There are several while one takes the place of another.
CREATE TABLE runtime_certificates (
    tenant_id TEXT NOT NULL,
    runtime_id TEXT NOT NULL REFERENCES runtimes (id),
    fingerprint TEXT NOT NULL PRIMARY KEY,
    added_at INTEGER NOT NULL
);

CREATE INDEX runtime_certificates_by_runtime ON runtime_certificates (runtime_id);
