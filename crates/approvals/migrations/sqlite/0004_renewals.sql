-- When a key was last renewed, and how far its owner was reminded to do so: 0 for not at all.
ALTER TABLE access_requests ADD COLUMN renewed_at INTEGER;
ALTER TABLE access_requests ADD COLUMN reminded INTEGER NOT NULL DEFAULT 0;

-- Looked through each minute for keys that end.
CREATE INDEX access_requests_ending ON access_requests (expires_at) WHERE status = 'claimed';
