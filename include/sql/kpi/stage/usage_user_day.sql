-- What each user did and saved on the day.
-- Formula:    saved = cost before - cost after, over the user's successful optimizations that have both prices.
-- Grain:      one row per user with at least one request on the day.
-- Unit:       USD with six decimals, exact.
-- Source:     this run's facts.
-- Edge cases: savings are never floored: a user whose optimized requests cost more than before has a negative one.
INSERT INTO {usage_user_day:Identifier}
SELECT
    day,
    user_id,
    any(plan),
    count(),
    toUInt64(sum(ifNull(tokens_used, 0))),
    countIf(optimization_succeeded IS NOT NULL),
    countIf(ifNull(optimization_succeeded, false)),
    sum(ifNull(cost_usd, 0)) AS cost,
    sumIf(ifNull(cost_original_usd, 0), saves) AS before,
    sumIf(ifNull(cost_usd, 0), saves) AS after,
    before - after
FROM
(
    SELECT
        *,
        ifNull(optimization_succeeded, false) AND cost_original_usd IS NOT NULL AND cost_usd IS NOT NULL AS saves
    FROM {usage_fact:Identifier}
)
GROUP BY day, user_id
