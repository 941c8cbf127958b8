-- One budget per scope and unit, from the birth of the scope. Its row is the lock of everything
-- that happens to the budget.
CREATE TABLE budgets (
    tenant_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    unit TEXT NOT NULL,
    period TEXT NOT NULL,
    limit_amount BIGINT CHECK (limit_amount >= 0),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, scope, unit)
);

-- The counters of one period; a new period is a new row. `ends_at` is the largest number for a
-- budget without a period. All amounts in the unit of the budget (nano-dollars).
CREATE TABLE budget_periods (
    tenant_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    unit TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    limit_amount BIGINT,
    settled BIGINT NOT NULL CHECK (settled >= 0),
    escrow BIGINT NOT NULL CHECK (escrow >= 0),
    suspense BIGINT NOT NULL CHECK (suspense >= 0),
    overdraft BIGINT NOT NULL CHECK (overdraft >= 0),
    PRIMARY KEY (tenant_id, scope, unit, starts_at, ends_at),
    FOREIGN KEY (tenant_id, scope, unit) REFERENCES budgets (tenant_id, scope, unit),
    CONSTRAINT budget_periods_within_limit
        CHECK (limit_amount IS NULL OR settled + escrow + suspense <= limit_amount + overdraft)
);

-- A running account: `granted`, `settled` and `returned` only grow, the state only moves forward
-- (open, fenced, closed). What is granted and neither settled nor returned is escrow while the
-- lease is open and suspense while it is fenced.
CREATE TABLE leases (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    unit TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    instance_id TEXT NOT NULL,
    incarnation BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'fenced', 'closed')),
    granted BIGINT NOT NULL CHECK (granted >= 0),
    settled BIGINT NOT NULL CHECK (settled >= 0),
    returned BIGINT NOT NULL CHECK (returned >= 0),
    held BIGINT NOT NULL CHECK (held >= 0),
    opened_at BIGINT NOT NULL,
    reported_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    FOREIGN KEY (tenant_id, scope, unit, starts_at, ends_at)
        REFERENCES budget_periods (tenant_id, scope, unit, starts_at, ends_at)
);

CREATE UNIQUE INDEX leases_one_open
    ON leases (tenant_id, scope, unit, starts_at, ends_at, instance_id, incarnation)
    WHERE state = 'open';
CREATE INDEX leases_by_owner ON leases (instance_id, incarnation, state);
CREATE INDEX leases_by_expiry ON leases (expires_at) WHERE state = 'open';

-- Double entry: for each lease how much moved, in all, from one account of its budget to
-- another. The accounts are available, escrow, suspense and spent.
CREATE TABLE ledger_entries (
    lease_id TEXT NOT NULL REFERENCES leases (id),
    from_account TEXT NOT NULL,
    to_account TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (lease_id, from_account, to_account),
    CHECK (from_account <> to_account)
);

-- Every time that more was spent or is out than the limit allows, with the reason. The sum of a
-- period's entries is its `overdraft` where `beyond_limit` says so.
CREATE TABLE budget_overdrafts (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    unit TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    lease_id TEXT,
    reason TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    beyond_limit BIGINT NOT NULL CHECK (beyond_limit >= 0),
    at BIGINT NOT NULL
);

CREATE INDEX budget_overdrafts_by_budget ON budget_overdrafts (tenant_id, scope, unit, at);

-- The processes that hold leases. `sequence` counts the answers given to the instance.
CREATE TABLE instances (
    id TEXT NOT NULL PRIMARY KEY,
    incarnation BIGINT NOT NULL,
    boot_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    enrolled_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);

-- One row: counts how often the ledger was found in an earlier state than its instances knew.
CREATE TABLE ledger_generation (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    generation BIGINT NOT NULL,
    began_at BIGINT NOT NULL
);

INSERT INTO ledger_generation (id, generation, began_at) VALUES (1, 1, 0);

CREATE TABLE budget_changes (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    unit TEXT NOT NULL,
    previous_limit BIGINT,
    new_limit BIGINT,
    previous_period TEXT NOT NULL,
    new_period TEXT NOT NULL,
    reason TEXT,
    modified_by TEXT NOT NULL,
    modified_at BIGINT NOT NULL,
    budget_request_id TEXT
);

CREATE INDEX budget_changes_by_budget ON budget_changes (tenant_id, scope, unit, modified_at);
