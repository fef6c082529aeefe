-- kpi: free_to_paid_conversion_percent
-- Formula:    100 * users of the cohort who converted within 30 days of signing up / users of the cohort. The cohort are
--             the users who signed up 30 to 59 days before the day (UTC): all have had their 30 days.
-- Grain:      per day; 'all' only, because a plan is the outcome here.
-- Unit:       percent, rounded half away from zero at six decimals.
-- Over days:  the newest day; the cohorts of near days overlap.
-- Source:     this run's extract of the users.
-- Edge cases: NULL without a cohort. Users who asked to be forgotten are in no cohort, also afterwards.
SELECT
    {day:Date}, 'free_to_paid_conversion_percent', 'all',
    if(cohort = 0, NULL, round(divideDecimal(toDecimal128(converted * 100, 6), toDecimal128(greatest(cohort, 1), 6), 12), 6)),
    converted, cohort, cohort, 'percent', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM
(
    SELECT
        count() AS cohort,
        countIf(ifNull(converted_at < created_at + INTERVAL 30 DAY, false)) AS converted
    FROM {{ person_extract }}
    WHERE NOT deleted AND toDate(created_at, 'UTC') BETWEEN {day:Date} - 59 AND {day:Date} - 30
)
