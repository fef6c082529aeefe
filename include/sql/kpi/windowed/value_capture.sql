-- kpi: value_capture_usd
-- Formula:    influenced_arr_usd / 365: what the platform earns in a day from those who saw savings before they paid.
-- Grain:      per day, 'all'.
-- Unit:       USD, rounded half away from zero at six decimals.
-- Over days:  sum.
-- Source:     as influenced_arr_usd.
-- Edge cases: as influenced_arr_usd.
SELECT
    product, as_of, kpi, 'all' AS dim, round(divideDecimal(influenced, toDecimal128(365, 6), 12), 6) AS value,
    influenced AS numerator, toDecimal128(365, 6) AS denominator, users AS n, 'USD' AS unit, 1 AS definition_version, run_id, published_at
FROM
(
    SELECT
        arr.product AS product, arr.as_of AS as_of, arr.kpi AS kpi, arr.run_id AS run_id, arr.published_at AS published_at, arr.value AS total,
        toDecimal128(sumIf(12 * paying.mrr_usd, first.uses > 0 AND paying.paid_since >= first.day), 6) AS influenced, countIf(first.uses > 0 AND paying.paid_since >= first.day) AS users
    FROM subscriber_day AS paying
    RIGHT JOIN
    (
        SELECT product, as_of, 'value_capture_usd' AS kpi, run_id, published_at, value
        FROM (SELECT product, as_of, run_id, published_at, value FROM kpi_daily WHERE kpi = 'arr_usd' AND dim = 'all')
    ) AS arr ON arr.product = paying.product AND arr.as_of = paying.day
    LEFT JOIN
    (
        SELECT product, kpi, user_id, min(day) AS day, count() AS uses
        FROM (SELECT 'value_capture_usd' AS kpi, product, user_id, day FROM usage_user_day WHERE successes > 0)
        GROUP BY product, kpi, user_id
    ) AS first ON first.kpi = arr.kpi AND first.product = arr.product AND first.user_id = paying.user_id
    GROUP BY product, as_of, kpi, run_id, published_at, total
)
