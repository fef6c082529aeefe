-- kpi: engagement_percent
-- Formula:    100 * active users who looked at their costs or set a budget / active users.
-- Grain:      per day; the dimensions are all and the user's plan at the end of the day.
-- Unit:       percent, rounded half away from zero at six decimals.
-- Over days:  sum of numerators / sum of denominators, which are user-days.
-- Source:     totals of the day's facts and events.
-- Edge cases: NULL without active users. Users of a cost feature without a request count in neither.
SELECT
    {day:Date}, 'engagement_percent', dim,
    if(users = 0, NULL, round(divideDecimal(toDecimal128(engaged_users * 100, 6), toDecimal128(greatest(users, 1), 6), 12), 6)),
    engaged_users, users, users, 'percent', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ usage_totals }} AS usage
LEFT JOIN {{ event_totals }} AS event USING (dim)
WHERE dim = 'all' OR startsWith(dim, 'plan=')
