-- The day's usage, summed up as far as every rollup can still be made from it: the one pass over the facts.
-- Formula:    attempts: rows whose optimization outcome is known; successes: those that succeeded;
--             priced: successes with the price before and after; cost before and after: over the priced.
--             checked: rows with a cost and an expected cost; accurate: those no further apart than a microdollar;
--             cost error: sum of how far they are apart.
-- Grain:      one row per user, session, model, revision, and release window.
-- Source:     this run's facts.
-- Edge cases: a request without tokens or cost adds 0.
INSERT INTO {{ usage_cell }}
SELECT
    user_id, session_key, plan, model, revision, version, release, phase, arm,
    count(),
    toUInt64(sum(ifNull(tokens_used, 0))),
    toUInt64(sum(ifNull(tokens_original, 0))),
    countIf(optimization_succeeded IS NOT NULL),
    countIf(succeeded),
    countIf(saves),
    countIf(error IS NOT NULL),
    countIf(error <= toDecimal64('0.000001', 6)),
    sum(ifNull(cost_usd, 0)),
    sumIf(ifNull(cost_original_usd, 0), saves),
    sumIf(ifNull(cost_usd, 0), saves),
    sum(ifNull(error, 0))
FROM
(
    SELECT
        *,
        ifNull(optimization_succeeded, false) AS succeeded,
        succeeded AND cost_original_usd IS NOT NULL AND cost_usd IS NOT NULL AS saves,
        abs(cost_usd - expected_cost_usd) AS error
    FROM {{ usage_fact }}
)
GROUP BY user_id, session_key, plan, model, revision, version, release, phase, arm
