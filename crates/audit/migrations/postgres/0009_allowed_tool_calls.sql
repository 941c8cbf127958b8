-- Finds allowed calls of tools of which nobody has told what came of them.
CREATE INDEX tool_calls_allowed ON tool_calls (instance_id, started_at) WHERE decision = 'allow';
