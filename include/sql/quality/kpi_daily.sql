-- The day's staged KPIs, as the expectations of kpi_daily see them.
SELECT
    kpi,
    dim,
    concat(kpi, ' ', dim) AS key,
    toFloat64(value) AS value,
    if(unit = 'percent', toFloat64(value), NULL) AS percent,
    if(kpi NOT IN ('cost_savings_usd', 'cost_savings_per_user_usd', 'cost_reduction_percent'), toFloat64(value), NULL) AS amount,
    definition_version
FROM {{ kpi_daily }}
