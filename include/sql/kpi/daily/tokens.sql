-- kpi: tokens
-- Formula:    tokens used, after optimization.
-- Grain:      per day and dimension.
-- Unit:       tokens
-- Over days:  sum.
-- Source:     totals of the day's facts.
-- Edge cases: a request without a token count adds 0.
SELECT
    {day:Date}, 'tokens', dim, tokens_used, NULL, NULL, requests, 'tokens', 1,
    {run_id:String}, {published_at:DateTime64(3)}
FROM {{ usage_totals }}
