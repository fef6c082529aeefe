-- kpi: influenced_arr_usd
-- Formula:    12 * monthly recurring revenue of the subscribers whose first paid day is on or after their first day with
--             a successful optimization.
-- Grain:      per day, 'all'.
-- Unit:       USD per year, exact to the cent; the denominator is arr_usd, n the subscribers.
-- Over days:  the newest day.
-- Source:     subscriber_day, usage_user_day, kpi_daily.
-- Edge cases: influenced, not caused: they saw savings before they paid, and might have paid without.
SELECT
    product, as_of, kpi, 'all' AS dim, influenced AS value, influenced AS numerator, total AS denominator,
    users AS n, 'USD' AS unit, 1 AS definition_version, run_id, published_at
FROM
(
    SELECT
        arr.product AS product, arr.as_of AS as_of, arr.kpi AS kpi, arr.run_id AS run_id, arr.published_at AS published_at, arr.value AS total,
        toDecimal128(sumIf(12 * paying.mrr_usd, first.uses > 0 AND paying.paid_since >= first.day), 6) AS influenced, countIf(first.uses > 0 AND paying.paid_since >= first.day) AS users
    FROM subscriber_day AS paying
    RIGHT JOIN
    (
        SELECT product, as_of, 'influenced_arr_usd' AS kpi, run_id, published_at, value
        FROM (SELECT product, as_of, run_id, published_at, value FROM kpi_daily WHERE kpi = 'arr_usd' AND dim = 'all')
    ) AS arr ON arr.product = paying.product AND arr.as_of = paying.day
    LEFT JOIN
    (
        SELECT product, kpi, user_id, min(day) AS day, count() AS uses
        FROM (SELECT 'influenced_arr_usd' AS kpi, product, user_id, day FROM usage_user_day WHERE successes > 0)
        GROUP BY product, kpi, user_id
    ) AS first ON first.kpi = arr.kpi AND first.product = arr.product AND first.user_id = paying.user_id
    GROUP BY product, as_of, kpi, run_id, published_at, total
)
