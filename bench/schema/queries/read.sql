\set user random(1, :people)
SELECT count(*), sum(cost_usd) FROM token_usage_tracking
 WHERE user_id = md5((:user)::text)::uuid AND created_at >= timestamp '2026-01-31 11:00';
