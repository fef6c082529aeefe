-- kpi: monthly_cost_reduction_usd
-- Formula:    cost_savings_usd of the published days of as_of's calendar month (UTC) up to as_of, added up.
-- Grain:      per day and dimension with requests on the day.
-- Unit:       USD, exact to six decimals.
-- Over days:  the newest day of each month.
-- Source:     kpi_daily.
-- Edge cases: begins again on the first of each month.
SELECT
    product, as_of, 'monthly_cost_reduction_usd' AS kpi, dim, sum(value) OVER running AS value, NULL AS numerator, NULL AS denominator,
    sum(n) OVER running AS n, 'USD' AS unit, 1 AS definition_version, run_id, published_at
FROM (SELECT product, as_of, dim, value, n, run_id, published_at FROM kpi_daily WHERE kpi = 'cost_savings_usd')
WINDOW running AS (PARTITION BY product, dim, toStartOfMonth(as_of) ORDER BY as_of ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
