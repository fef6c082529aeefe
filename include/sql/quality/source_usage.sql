-- The day's rows in PostgreSQL, as the expectations of source_usage see them. Half-open, so that the index serves.
SELECT id, user_id, session_key, tokens_used, tokens_original, cost_usd, cost_original_usd, optimization_succeeded
FROM token_usage_tracking
WHERE created_at >= timestamp ':day' AND created_at < timestamp ':next_day'
