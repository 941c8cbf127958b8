-- What only some kinds of provider have: deployments, versions.
ALTER TABLE providers ADD COLUMN config TEXT NOT NULL DEFAULT '{}';
