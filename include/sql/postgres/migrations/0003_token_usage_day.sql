-- depends: 0002_token_usage_savings
-- transactional: false
-- kind: expand
-- runs_with: >=1.0.0
-- The daily rollup reads one day at a time. Built while the table is written to.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_token_usage_created_at ON token_usage_tracking(created_at);
