-- kpi: cost_feature_sessions_percent
-- Formula:    100 * users' sessions with at least one attempted optimization / users' sessions.
-- Grain:      per day and dimension.
-- Unit:       percent, rounded half away from zero at six decimals.
-- Over days:  sum of numerators / sum of denominators.
-- Source:     totals of the day's facts.
-- Edge cases: NULL without sessions. A session over midnight is one on each day.
SELECT
    {day:Date}, 'cost_feature_sessions_percent', dim,
    if(sessions = 0, NULL, round(divideDecimal(toDecimal128(feature_sessions * 100, 6), toDecimal128(greatest(sessions, 1), 6), 12), 6)),
    feature_sessions, sessions, sessions, 'percent', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ usage_totals }}
