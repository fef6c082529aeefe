-- Is what is about to be published what the source said it sent, and do the KPIs add up to it?
-- Definition: one row per check: its name, the expected and the found value.
-- Source:     the trailers of this run's extracts (counted by PostgreSQL), this run's facts, totals and KPIs.
-- Edge cases: money is compared exactly, to the sixth decimal. An extract without its trailer has no control
--             rows and so fails 'trailers'. 'other days' and 'other products' find
--             rows that would be published into another day, or as another product's.
WITH
    (SELECT count() FROM {{ usage_control }}) AS trailers,
    (SELECT toDecimal128(sum(control_rows), 6) FROM {{ usage_control }}) AS source_rows,
    (SELECT sum(control_cost_usd) FROM {{ usage_control }}) AS source_cost,
    (SELECT sum(control_cost_original_usd) FROM {{ usage_control }}) AS source_cost_original,
    (SELECT count() FROM {{ event_extract }} WHERE control_rows IS NOT NULL) AS event_trailers,
    (SELECT toDecimal128(sum(control_rows), 6) FROM {{ event_extract }}) AS source_events
SELECT check.1 AS name, check.2 AS expected, check.3 AS found
FROM
(
    SELECT arrayJoin([
        ('trailers', toDecimal128(1, 6), toDecimal128(trailers, 6)),
        ('fact rows', source_rows, toDecimal128(count(), 6)),
        ('fact cost', source_cost, sum(ifNull(cost_usd, 0))),
        ('fact cost original', source_cost_original, sum(ifNull(cost_original_usd, 0))),
        ('other days', toDecimal128(0, 6), toDecimal128(countIf(day != {day:Date}), 6)),
        ('other products', toDecimal128(0, 6), toDecimal128(countIf(product != {product:String}), 6)),
        ('user requests', source_rows, (SELECT toDecimal128(sum(requests), 6) FROM {{ usage_user_day }})),
        ('user cost', source_cost, (SELECT sum(cost_usd) FROM {{ usage_user_day }})),
        ('kpi requests', source_rows, (SELECT max(value) FROM {{ kpi_daily }} WHERE kpi = 'requests' AND dim = 'all')),
        ('kpi cost', source_cost, (SELECT max(value) FROM {{ kpi_daily }} WHERE kpi = 'cost_usd' AND dim = 'all')),
        ('kpi savings', (SELECT sum(saved_usd) FROM {{ usage_user_day }}), (SELECT max(value) FROM {{ kpi_daily }} WHERE kpi = 'cost_savings_usd' AND dim = 'all')),
        ('event trailers', toDecimal128(1, 6), toDecimal128(event_trailers, 6)),
        ('event rows', source_events, (SELECT toDecimal128(count(), 6) FROM {{ event_fact }})),
        ('events of other days', toDecimal128(0, 6), (SELECT toDecimal128(countIf(day != {day:Date}), 6) FROM {{ event_fact }})),
        ('events of other products', toDecimal128(0, 6), (SELECT toDecimal128(countIf(product != {product:String}), 6) FROM {{ event_fact }})),
        ('kpis of other products', toDecimal128(0, 6), (SELECT toDecimal128(countIf(product != {product:String}), 6) FROM {{ kpi_daily }})),
        ('fingerprints', toDecimal128(3, 6), (SELECT toDecimal128(count(), 6) FROM {{ source_fingerprint }}))
    ]) AS check
    FROM {{ usage_fact }}
)
