-- The staged day against the source's own count: what the expectations of staged_day look at.
-- Grain:      one row.
-- Unit:       rows; money in whole microdollars, so that nothing is rounded away; a fraction of the requests.
-- Source:     this run's facts, trailer, events and user rollup.
-- Edge cases: worked out once, because Great Expectations runs a query again for most of its expectations. Repeated
--             ids are looked for with GROUP BY, because that spills to disk where a set would not fit into memory. A user who
--             asked to be forgotten (user 0) is not one whom nobody knows.
INSERT INTO {{ staged_day }}
WITH
    (SELECT (sum(control_rows), sum(control_cost_usd), sum(control_cost_original_usd)) FROM {{ usage_control }}) AS source,
    (SELECT sum(control_rows) FROM {{ event_extract }}) AS source_events
SELECT
    toInt64(count()) - toInt64(source.1) AS rows_too_many,
    toInt64(sum(ifNull(cost_usd, 0)) * 1000000 - source.2 * 1000000) AS microdollars_too_many,
    toInt64(sum(ifNull(cost_original_usd, 0)) * 1000000 - source.3 * 1000000) AS original_microdollars_too_many,
    (SELECT toInt64(count()) FROM (SELECT id FROM {{ usage_fact }} GROUP BY id HAVING count() > 1)) AS repeated_ids,
    countIf(day != {day:Date}) AS rows_of_other_days,
    countIf(plan NOT IN ('free', 'pro', 'enterprise', 'unknown')) AS rows_of_unknown_plans,
    countIf(user_id NOT IN (SELECT user_id FROM {{ usage_user_day }})) AS rows_missing_in_the_user_rollup,
    countIf((release = '') != (phase = '')) AS rows_with_half_a_release,
    (SELECT toInt64(count()) FROM {{ event_fact }}) - toInt64(source_events) AS events_too_many,
    (
        SELECT ifNull(sumIf(requests, plan = 'unknown' AND user_id != toUUID('00000000-0000-0000-0000-000000000000')) / nullIf(sum(requests), 0), 0)
        FROM {{ usage_user_day }}
    ) AS share_of_unknown_users
FROM {{ usage_fact }}
