-- How many calls servers have booked of a tenant's day, which is counted from 1970 in UTC.
CREATE TABLE call_days (
    tenant_id TEXT NOT NULL,
    day INTEGER NOT NULL,
    booked INTEGER NOT NULL CHECK (booked >= 0),
    PRIMARY KEY (tenant_id, day)
) STRICT;
