-- Whether a spent budget has paused the agent, and not a person.
ALTER TABLE agents ADD COLUMN paused_by_budget INTEGER NOT NULL DEFAULT 0;
CREATE INDEX agents_paused_by_budget ON agents (tenant_id, id) WHERE paused_by_budget = 1;
