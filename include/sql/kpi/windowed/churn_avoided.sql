-- kpi: churn_avoided_users
-- Formula:    users at risk who stayed because of cost visibility. It takes a holdout without it to tell; there is none.
-- Grain:      per day, 'all'.
-- Unit:       users
-- Over days:  the newest day.
-- Source:     none yet; the days are those of kpi_daily.
-- Edge cases: always NULL: no number is better than a made-up one. churn_at_risk_users says how many could be avoided.
SELECT
    product, as_of, 'churn_avoided_users' AS kpi, 'all' AS dim, CAST(NULL AS Nullable(Decimal(38, 6))) AS value, NULL AS numerator,
    NULL AS denominator, 0 AS n, 'users' AS unit, 1 AS definition_version, run_id, published_at
FROM (SELECT product, as_of, run_id, published_at FROM kpi_daily WHERE kpi = 'requests' AND dim = 'all') AS published
