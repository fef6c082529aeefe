-- kpi: cost_usd
-- Formula:    what the requests cost, after optimization.
-- Grain:      per day and dimension.
-- Unit:       USD, exact to six decimals.
-- Over days:  sum.
-- Source:     totals of the day's facts.
-- Edge cases: a request without a price adds 0.
SELECT
    {day:Date}, 'cost_usd', dim, cost_usd, NULL, NULL, requests, 'USD', 1,
    {run_id:String}, {published_at:DateTime64(3)}
FROM {{ usage_totals }}
