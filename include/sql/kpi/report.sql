-- The KPIs of one day, as a reader prints them.
SELECT kpi, dim, value, unit, n, definition_version, run_id, published_at
FROM kpi_daily
WHERE product = {product:String} AND as_of = {day:Date}
ORDER BY dim != 'all', dim, kpi
