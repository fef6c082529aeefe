-- kpi: cost_savings_per_user_usd
-- Formula:    cost savings / active users of cost tracking.
-- Grain:      per day and dimension.
-- Unit:       USD per user, rounded half away from zero at six decimals.
-- Over days:  sum of numerators / sum of denominators, which are user-days.
-- Source:     totals of the day's facts.
-- Edge cases: NULL without active users. Users who saved nothing count in the denominator.
SELECT
    {day:Date}, 'cost_savings_per_user_usd', dim,
    if(users = 0, NULL, round(divideDecimal(saved, toDecimal128(greatest(users, 1), 6), 12), 6)),
    saved, users, users, 'USD', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM (SELECT *, cost_before_usd - cost_after_usd AS saved FROM {{ usage_totals }})
