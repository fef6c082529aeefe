-- The day's totals per dimension: all, each revision, each plan, each model. Every KPI is a formula over these.
-- Formula:    attempts: rows whose optimization outcome is known; successes: those that succeeded;
--             priced: successes with the price before and after; cost before and after: over the priced.
-- Grain:      one row per dimension; a request counts once in 'all' and once per kind of dimension.
-- Source:     this run's facts.
-- Edge cases: on a day without rows 'all' is there with zeros. A user served by two revisions counts in both.
INSERT INTO {usage_totals:Identifier}
WITH usage AS
(
    SELECT
        *,
        ifNull(optimization_succeeded, false) AS succeeded,
        succeeded AND cost_original_usd IS NOT NULL AND cost_usd IS NOT NULL AS saves,
        arrayJoin([
            'all',
            concat('revision=', if(revision = '', 'unknown', revision)),
            concat('plan=', plan),
            concat('model=', if(model = '', 'unknown', model))
        ]) AS dim
    FROM {usage_fact:Identifier}
)
SELECT
    dim,
    count(),
    toUInt64(sum(ifNull(tokens_used, 0))),
    toUInt64(sum(ifNull(tokens_original, 0))),
    uniqExact(user_id),
    uniqExact(session_key),
    uniqExactIf(user_id, succeeded),
    countIf(optimization_succeeded IS NOT NULL),
    countIf(succeeded),
    countIf(saves),
    sum(ifNull(cost_usd, 0)),
    sumIf(ifNull(cost_original_usd, 0), saves),
    sumIf(ifNull(cost_usd, 0), saves)
FROM usage
GROUP BY dim
UNION ALL
SELECT 'all', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
WHERE (SELECT count() FROM {usage_fact:Identifier}) = 0
