-- kpi: satisfaction_percent
-- Formula:    100 * answers of 4 or 5 / answers, on a scale of 1 to 5.
-- Grain:      per day; the dimensions are all and the user's plan at the end of the day.
-- Unit:       percent, rounded half away from zero at six decimals.
-- Over days:  sum of numerators / sum of denominators.
-- Source:     totals of the day's events.
-- Edge cases: NULL without answers: nobody asked is not nobody satisfied.
SELECT
    {day:Date}, 'satisfaction_percent', dim,
    if(answers = 0, NULL, round(divideDecimal(toDecimal128(satisfied * 100, 6), toDecimal128(greatest(answers, 1), 6), 12), 6)),
    satisfied, answers, answers, 'percent', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ event_totals }}
WHERE dim = 'all' OR startsWith(dim, 'plan=')
