-- kpi: optimization_success_percent
-- Formula:    100 * successful optimizations / attempted optimizations.
-- Grain:      per day and dimension.
-- Unit:       percent, rounded half away from zero at six decimals.
-- Over days:  sum of numerators / sum of denominators.
-- Source:     totals of the day's facts.
-- Edge cases: NULL without attempts. A request whose outcome is not recorded is no attempt.
SELECT
    {day:Date}, 'optimization_success_percent', dim,
    if(attempts = 0, NULL, round(divideDecimal(toDecimal128(successes * 100, 6), toDecimal128(greatest(attempts, 1), 6), 12), 6)),
    successes, attempts, attempts, 'percent', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ usage_totals }}
