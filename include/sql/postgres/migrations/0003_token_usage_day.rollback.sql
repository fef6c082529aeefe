DROP INDEX IF EXISTS idx_token_usage_created_at;
