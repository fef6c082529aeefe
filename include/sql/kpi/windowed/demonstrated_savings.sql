-- kpi: demonstrated_savings_usd
-- Formula:    cost_savings_usd of every published day up to as_of, added up.
-- Grain:      per day and dimension with requests on the day.
-- Unit:       USD, exact to six decimals.
-- Over days:  the newest day.
-- Source:     kpi_daily.
-- Edge cases: days that are not published are missing from it; it may fall when a day's savings are negative.
SELECT
    product, as_of, 'demonstrated_savings_usd' AS kpi, dim, sum(value) OVER running AS value, NULL AS numerator, NULL AS denominator,
    sum(n) OVER running AS n, 'USD' AS unit, 1 AS definition_version, run_id, published_at
FROM (SELECT product, as_of, dim, value, n, run_id, published_at FROM kpi_daily WHERE kpi = 'cost_savings_usd')
WINDOW running AS (PARTITION BY product, dim ORDER BY as_of ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
