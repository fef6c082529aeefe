DROP INDEX CONCURRENTLY IF EXISTS idx_token_usage_created_at;
