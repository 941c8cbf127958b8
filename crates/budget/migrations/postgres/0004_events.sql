-- What people are told of a budget, and what is done when it is spent. `soft_limits`: whole
-- percentages in ascending order, separated by commas; the usual ones if absent.
-- `most_per_minute`: an agent that spends more within a minute is killed.
ALTER TABLE budgets ADD COLUMN soft_limits TEXT;
ALTER TABLE budgets ADD COLUMN hard_action TEXT NOT NULL DEFAULT 'pause';
ALTER TABLE budgets ADD COLUMN most_per_minute BIGINT;

-- When so much is used, the next event is due; zero where nobody has looked yet.
ALTER TABLE budget_periods ADD COLUMN next_notice BIGINT NOT NULL DEFAULT 0;
-- The part of what is in suspense that has been so for a while.
ALTER TABLE budget_periods ADD COLUMN lasting_suspense BIGINT NOT NULL DEFAULT 0;
CREATE INDEX leases_fenced ON leases (reported_at) WHERE state = 'fenced';

-- What happened to budgets that somebody should know of. `sequence` counts the events of a tenant
-- without a gap, in the order of their commits. An event is cleared when a higher limit or another
-- period has made it untrue; it is handled when a server has acted on it, once.
CREATE TABLE budget_events (
    tenant_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('warning', 'limit', 'runaway')),
    scope TEXT NOT NULL,
    unit TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    percent BIGINT NOT NULL CHECK (percent BETWEEN 0 AND 100),
    limit_amount BIGINT NOT NULL,
    used BIGINT NOT NULL,
    hard_action TEXT NOT NULL,
    at BIGINT NOT NULL,
    cleared_at BIGINT,
    handled_at BIGINT,
    PRIMARY KEY (tenant_id, sequence)
);

-- One event for each budget, period and percentage, until a higher limit clears it.
CREATE UNIQUE INDEX budget_events_once
    ON budget_events (tenant_id, scope, unit, starts_at, ends_at, percent)
    WHERE cleared_at IS NULL AND kind <> 'runaway';
CREATE INDEX budget_events_to_handle ON budget_events (at) WHERE handled_at IS NULL;
CREATE INDEX budget_events_by_budget ON budget_events (tenant_id, scope, unit, at);

CREATE TABLE budget_event_numbers (
    tenant_id TEXT NOT NULL PRIMARY KEY,
    last_sequence BIGINT NOT NULL
);

-- What budgets with a bound on their pace have spent of late, by whole seconds.
CREATE TABLE budget_spends (
    tenant_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    unit TEXT NOT NULL,
    at BIGINT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    PRIMARY KEY (tenant_id, scope, unit, at)
);
