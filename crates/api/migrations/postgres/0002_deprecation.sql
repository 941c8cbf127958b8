-- The last day (counted from 1970) on which somebody used what goes away.
CREATE TABLE api_deprecated_uses (
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    last_day BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, user_id, name)
);

-- What people have been told of it: the tenant (user '') and those who still use it.
CREATE TABLE api_deprecation_notices (
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    stage TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (tenant_id, name, stage, user_id)
);
