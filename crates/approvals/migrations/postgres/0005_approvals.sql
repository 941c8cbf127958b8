-- Tool calls that wait for people, and what people said. The arguments are masked; what was
-- approved is known by the hash of those that were really asked for.
CREATE TABLE approvals (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    agent_name TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    team_id TEXT,
    tool TEXT NOT NULL,
    arguments TEXT NOT NULL,
    arguments_hash TEXT NOT NULL,
    risk_level TEXT NOT NULL CHECK (risk_level IN ('low', 'medium', 'high', 'critical')),
    rules TEXT NOT NULL,
    cost BIGINT,
    conversation TEXT,
    execution TEXT,
    approvers TEXT NOT NULL,
    quorum BIGINT NOT NULL CHECK (quorum > 0),
    forbid_own BIGINT NOT NULL,
    channels TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'denied', 'expired')),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_at BIGINT,
    grant_expires_at BIGINT,
    redeemed_at BIGINT,
    PRIMARY KEY (tenant_id, id),
    CHECK ((status = 'pending') = (decided_at IS NULL)),
    CHECK ((status = 'approved') = (grant_expires_at IS NOT NULL)),
    CHECK (redeemed_at IS NULL OR status = 'approved')
);

CREATE UNIQUE INDEX approvals_pending ON approvals (tenant_id, agent_id, tool, arguments_hash)
    WHERE status = 'pending';
CREATE INDEX approvals_due ON approvals (expires_at) WHERE status = 'pending';
CREATE INDEX approvals_grants ON approvals (tenant_id, agent_id, tool, arguments_hash)
    WHERE status = 'approved' AND redeemed_at IS NULL;
CREATE INDEX approvals_by_time ON approvals (tenant_id, created_at);

-- Who may decide beside the admins: the id of a user, an address, `role:` and a role.
CREATE TABLE approval_approvers (
    tenant_id TEXT NOT NULL,
    approval_id TEXT NOT NULL,
    approver TEXT NOT NULL,
    PRIMARY KEY (tenant_id, approval_id, approver)
);

-- What each of them said, once.
CREATE TABLE approval_decisions (
    tenant_id TEXT NOT NULL,
    approval_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('approve', 'deny')),
    comment TEXT,
    way TEXT NOT NULL,
    decided_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, approval_id, user_id)
);

-- The links in letters: each is one person's, for one approval, good once.
CREATE TABLE approval_links (
    tenant_id TEXT NOT NULL,
    digest BYTEA NOT NULL,
    approval_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (digest)
);

CREATE INDEX approval_links_by_end ON approval_links (expires_at);

-- Signed answers that were taken, so that none is taken twice.
CREATE TABLE approval_callbacks (
    tenant_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    digest BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, digest)
);

CREATE INDEX approval_callbacks_by_end ON approval_callbacks (expires_at);

-- Signed answers name the channel before it is known whose they are.
CREATE UNIQUE INDEX notification_channels_by_id ON notification_channels (id);
