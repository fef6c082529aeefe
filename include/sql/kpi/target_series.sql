-- The days of the KPIs that the business targets are about.
-- Grain:      one row per KPI and published day.
-- Source:     the view kpi: kpi_daily, and the KPIs over several days.
-- Edge cases: a day that was not published has no row; a value that is not defined is NULL.
SELECT kpi, as_of, value, numerator, denominator, n
FROM kpi
WHERE product = {product:String} AND dim = 'all' AND kpi IN {kpis:Array(String)} AND as_of >= {first:Date} AND as_of <= {last:Date}
ORDER BY kpi, as_of
