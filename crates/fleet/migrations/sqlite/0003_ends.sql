-- How often the agent was ended and has begun anew, and when what it has under way ends, if so.
ALTER TABLE agents ADD COLUMN ends INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN calls_end_at INTEGER;
