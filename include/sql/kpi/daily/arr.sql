-- kpi: arr_usd
-- Formula:    12 * monthly recurring revenue of all subscribers at the end of the day.
-- Grain:      per day; the dimensions are all and the plan.
-- Unit:       USD per year, exact to the cent.
-- Over days:  the newest day.
-- Source:     this run's subscribers.
-- Edge cases: 0 without subscribers ('all' only). A subscription noted late is in the days rolled up afterwards.
SELECT
    {day:Date}, 'arr_usd', dim, 12 * sum(revenue), sum(revenue), NULL, sum(subscribers), 'USD', 1,
    {run_id:String}, {published_at:DateTime64(3)}
FROM
(
    SELECT arrayJoin(['all', concat('plan=', plan)]) AS dim, toDecimal128(mrr_usd, 6) AS revenue, 1 AS subscribers
    FROM {{ subscriber_day }}
    UNION ALL
    SELECT 'all', toDecimal128(0, 6), 0
)
GROUP BY dim
