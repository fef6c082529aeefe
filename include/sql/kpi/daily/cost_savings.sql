-- kpi: cost_savings_usd
-- Formula:    cost before - cost after, over successful optimizations that have both prices.
-- Grain:      per day and dimension; per user in usage_user_day.
-- Unit:       USD, exact to six decimals.
-- Over days:  sum.
-- Source:     totals of the day's facts.
-- Edge cases: never floored, so it may be negative. 0 when nothing was optimized. The price before is what the
--             same request would have cost unoptimized, as the product recorded it; it is not a controlled experiment.
SELECT
    {day:Date}, 'cost_savings_usd', dim, cost_before_usd - cost_after_usd, cost_before_usd, cost_after_usd,
    priced, 'USD', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ usage_totals }}
