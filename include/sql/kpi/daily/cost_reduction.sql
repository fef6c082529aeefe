-- kpi: cost_reduction_percent
-- Formula:    100 * (cost before - cost after) / cost before, over successful optimizations that have both prices.
-- Grain:      per day and dimension.
-- Unit:       percent, rounded half away from zero at six decimals.
-- Over days:  sum of numerators / sum of denominators.
-- Source:     totals of the day's facts.
-- Edge cases: NULL when nothing was optimized or it had cost nothing before; negative when costs rose.
SELECT
    {day:Date}, 'cost_reduction_percent', dim,
    if(cost_before_usd = 0, NULL, round(divideDecimal(saved * 100, if(cost_before_usd = 0, 1, cost_before_usd), 12), 6)),
    saved, cost_before_usd, priced, 'percent', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM (SELECT *, cost_before_usd - cost_after_usd AS saved FROM {{ usage_totals }})
