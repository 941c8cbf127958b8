-- Budgets that agents share. The pool and every cap in it is a budget of its own, under an id of
-- its own: `low_id` caps members of priority low, `normal_id` low and normal, `high_id` low to
-- high, each at so many percent of the pool.
CREATE TABLE budget_pools (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    low_id TEXT NOT NULL,
    normal_id TEXT NOT NULL,
    high_id TEXT NOT NULL,
    low_percent INTEGER NOT NULL CHECK (low_percent BETWEEN 1 AND 100),
    normal_percent INTEGER NOT NULL CHECK (normal_percent BETWEEN 1 AND 100),
    high_percent INTEGER NOT NULL CHECK (high_percent BETWEEN 1 AND 100),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (tenant_id, id),
    CHECK (low_percent <= normal_percent AND normal_percent <= high_percent)
);

CREATE UNIQUE INDEX budget_pools_by_name ON budget_pools (tenant_id, name) WHERE deleted_at IS NULL;

-- Who shares a pool, and who did. What a member spends is booked on its own budget too, under
-- `member_id`, which is the same if it comes back; `share_percent` of the pool is its limit.
CREATE TABLE budget_pool_members (
    tenant_id TEXT NOT NULL,
    pool_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    priority TEXT NOT NULL CHECK (priority IN ('critical', 'high', 'normal', 'low')),
    share_percent INTEGER CHECK (share_percent BETWEEN 1 AND 100),
    joined_at INTEGER NOT NULL,
    left_at INTEGER,
    PRIMARY KEY (tenant_id, pool_id, agent_id),
    FOREIGN KEY (tenant_id, pool_id) REFERENCES budget_pools (tenant_id, id)
);

CREATE UNIQUE INDEX budget_pool_members_one_pool
    ON budget_pool_members (tenant_id, agent_id) WHERE left_at IS NULL;
