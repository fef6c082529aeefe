-- depends: 0002_token_usage_savings
-- The daily rollup reads one day at a time.

CREATE INDEX IF NOT EXISTS idx_token_usage_created_at ON token_usage_tracking(created_at);
