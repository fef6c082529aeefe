-- What each user did and saved on the day.
-- Formula:    saved = cost before - cost after, over the user's successful optimizations that have both prices.
-- Grain:      one row per user with at least one request on the day.
-- Unit:       USD with six decimals, exact.
-- Source:     this run's usage, summed up.
-- Edge cases: savings are never floored: a user whose optimized requests cost more than before has a negative one.
INSERT INTO {{ usage_user_day }} (* EXCEPT product)
SELECT
    {day:Date},
    user_id,
    any(plan),
    sum(requests),
    sum(tokens_used),
    sum(attempts),
    sum(successes),
    sum(cost_usd),
    sum(cost_before_usd) AS before,
    sum(cost_after_usd) AS after,
    before - after
FROM {{ usage_cell }}
GROUP BY user_id
