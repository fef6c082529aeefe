-- kpi: optimized_users_percent
-- Formula:    100 * users with at least one successful optimization / active users.
-- Grain:      per day and dimension.
-- Unit:       percent, rounded half away from zero at six decimals.
-- Over days:  sum of numerators / sum of denominators, which are user-days.
-- Source:     totals of the day's facts.
-- Edge cases: NULL without active users.
SELECT
    {day:Date}, 'optimized_users_percent', dim,
    if(users = 0, NULL, round(divideDecimal(toDecimal128(optimized_users * 100, 6), toDecimal128(greatest(users, 1), 6), 12), 6)),
    optimized_users, users, users, 'percent', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ usage_totals }}
