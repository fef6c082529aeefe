-- kpi: churn_at_risk_users
-- Formula:    users whose requests of the 7 days up to as_of are under half of their own weekly mean of the 28 days
--             before those.
-- Grain:      per day, 'all'.
-- Unit:       users, counted exactly; n is the users with a request in those 28 days.
-- Over days:  the newest day.
-- Source:     usage_user_day; the days are those of kpi_daily.
-- Edge cases: days that are not published are missing from it, on both sides. Nobody is at risk before there is a
--             history. Users who asked to be forgotten are left out.
SELECT
    product, as_of, kpi, 'all' AS dim,
    toDecimal128(countIf(before > 0 AND 8 * lately < before), 6) AS value, NULL AS numerator, NULL AS denominator,
    countIf(before > 0) AS n, 'users' AS unit, 1 AS definition_version, any(run_id) AS run_id, any(published_at) AS published_at
FROM
(
    SELECT
        published.product AS product, published.as_of AS as_of, published.kpi AS kpi, usage.user_id AS user_id,
        sumIf(usage.requests, published.age < 7) AS lately,
        sumIf(usage.requests, published.age >= 7) AS before,
        any(published.run_id) AS run_id, any(published.published_at) AS published_at
    FROM
    (
        SELECT product, day, user_id, requests FROM usage_user_day WHERE user_id != toUUID('00000000-0000-0000-0000-000000000000')
    ) AS usage
    RIGHT JOIN
    (
        SELECT product, as_of, toLowCardinality('churn_at_risk_users') AS kpi, run_id, published_at, arrayJoin(range(35)) AS age, as_of - age AS day
        FROM (SELECT product, as_of, run_id, published_at FROM kpi_daily WHERE kpi = 'requests' AND dim = 'all')
    ) AS published ON published.product = usage.product AND published.day = usage.day
    GROUP BY product, as_of, kpi, user_id
)
GROUP BY product, as_of, kpi
