-- What the source said it sent: the trailer of the arrival.
-- Grain:      one row.
-- Unit:       USD with six decimals, exact.
-- Source:     this run's arrival.
-- Edge cases: an arrival that broke off has no trailer, and so no row here.
CREATE MATERIALIZED VIEW {usage_control_view:Identifier} TO {usage_control:Identifier} AS
SELECT
    assumeNotNull(arrival.control_rows) AS control_rows,
    assumeNotNull(arrival.control_cost_usd) AS control_cost_usd,
    assumeNotNull(arrival.control_cost_original_usd) AS control_cost_original_usd,
    assumeNotNull(arrival.control_hash) AS control_hash
FROM {usage_arrival:Identifier} AS arrival
WHERE arrival.control_rows IS NOT NULL
