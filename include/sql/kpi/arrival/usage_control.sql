-- What the source said it sent: the trailer of the arrival.
-- Grain:      one row.
-- Unit:       USD with six decimals, exact.
-- Source:     this run's arrival.
-- Edge cases: an arrival that broke off has no trailer, and so no row here.
CREATE MATERIALIZED VIEW {{ usage_control_view }} TO {{ usage_control }} AS
SELECT
    JSONExtractUInt(assumeNotNull(arrival.trailer), 'rows') AS control_rows,
    toDecimal128(JSONExtractString(assumeNotNull(arrival.trailer), 'cost_usd'), 6) AS control_cost_usd,
    toDecimal128(JSONExtractString(assumeNotNull(arrival.trailer), 'cost_original_usd'), 6) AS control_cost_original_usd,
    JSONExtractInt(assumeNotNull(arrival.trailer), 'hash') AS control_hash
FROM {{ usage_arrival }} AS arrival
WHERE arrival.trailer IS NOT NULL
