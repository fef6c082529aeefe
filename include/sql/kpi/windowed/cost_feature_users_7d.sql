-- kpi: cost_feature_users_7d
-- Formula:    users who looked at their costs or set a budget on one of the 7 days up to as_of.
-- Grain:      per day, 'all'.
-- Unit:       users, counted exactly.
-- Over days:  the newest day.
-- Source:     event_fact; the days are those of kpi_daily.
-- Edge cases: days that are not published are missing from it. Users who asked to be forgotten count as one.
SELECT
    published.product AS product, published.as_of AS as_of, published.kpi AS kpi, 'all' AS dim,
    toDecimal128(uniqExactIf(use.user_id, use.is_use) AS users, 6) AS value, NULL AS numerator, NULL AS denominator,
    users AS n, 'users' AS unit, 1 AS definition_version, any(published.run_id) AS run_id, any(published.published_at) AS published_at
FROM (SELECT product, day, user_id, true AS is_use FROM event_fact WHERE source = 'cost_feature') AS use
RIGHT JOIN
(
    SELECT product, as_of, 'cost_feature_users_7d' AS kpi, run_id, published_at, as_of - arrayJoin(range(7)) AS day
    FROM (SELECT product, as_of, run_id, published_at FROM kpi_daily WHERE kpi = 'requests' AND dim = 'all')
) AS published ON published.product = use.product AND published.day = use.day
GROUP BY product, as_of, kpi
