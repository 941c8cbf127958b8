-- Whether a call is in the rollups. Those from before there were any are not, nor are those that a server
-- of an older version projects: they are added later. `error_type` is why a call did not end well.
ALTER TABLE call_records ADD COLUMN rolled_up INTEGER NOT NULL DEFAULT 0;
ALTER TABLE call_records ADD COLUMN error_type TEXT;
ALTER TABLE tool_calls ADD COLUMN rolled_up INTEGER NOT NULL DEFAULT 0;
CREATE INDEX call_records_to_roll_up ON call_records (tenant_id, call_id) WHERE rolled_up = 0;
CREATE INDEX tool_calls_to_roll_up ON tool_calls (tenant_id, call_id) WHERE rolled_up = 0;
