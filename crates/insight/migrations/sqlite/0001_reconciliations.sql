-- Invoices of providers, compared with what was recorded.
CREATE TABLE invoice_reconciliations (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
