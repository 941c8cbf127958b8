-- What the calls of a whole tenant came to is counted, too: so far, what its agents add up to.
INSERT INTO usage_buckets (tenant_id, subject_id, bucket_seconds, starts_at, requests, cost_nanos)
SELECT tenant_id, tenant_id, bucket_seconds, starts_at, SUM(requests), SUM(cost_nanos)
FROM usage_buckets WHERE subject_id LIKE 'agent%'
GROUP BY tenant_id, bucket_seconds, starts_at;

INSERT INTO usage_totals (tenant_id, subject_id, requests, cost_nanos, last_request_at)
SELECT tenant_id, tenant_id, SUM(requests), SUM(cost_nanos), MAX(last_request_at)
FROM usage_totals WHERE subject_id LIKE 'agent%'
GROUP BY tenant_id;
