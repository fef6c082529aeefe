-- The product's users, with the plan they were on and what they paid at the end of the day.
-- Definition: plan and mrr_usd of the last subscription event before the next day; 'free' and 0 before the first one.
-- Grain:      one row per user, also per user who asked to be forgotten (deleted).
-- Unit:       mrr_usd: USD per month, exact to the cent.
-- Source:     PostgreSQL users, subscription_event, user_deletion, through the product's named collection.
-- Edge cases: a user without any subscription event has the plan of today, since there is no history of it.
--             A subscription whose revenue is NaN is left out. A date outside 1970 to 2149 counts as the nearest of them,
--             a plan is cut to 255 characters: quality/source_records.yaml names such rows.
--             paid_since is the first day with revenue, whatever came in between. No address, no name, no prompt.
INSERT INTO {{ person_extract }} (id, plan, created_at, converted_at, deleted, mrr_usd, paid_since)
SELECT id, plan, created_at, converted_at, deleted, mrr_usd, paid_since
FROM postgresql({{ collection }}, query = concat($sql$
    WITH subscription AS (
        SELECT
            user_id,
            (array_agg(plan ORDER BY occurred_at DESC, id) FILTER (WHERE occurred_at < timestamp '{{ value("{day:Date} + 1") }}'))[1]
                AS plan,
            (array_agg(mrr_usd ORDER BY occurred_at DESC, id) FILTER (WHERE occurred_at < timestamp '{{ value("{day:Date} + 1") }}'))[1]
                AS mrr_usd,
            (min(greatest(occurred_at, timestamp '1970-01-01')) FILTER (WHERE mrr_usd > 0 AND occurred_at < timestamp '{{ value("{day:Date} + 1") }}'))::date AS paid_since
        FROM subscription_event
        WHERE mrr_usd < 'infinity'
        GROUP BY user_id
    )
    SELECT
        coalesce(person.id, deletion.user_id) AS id,
        CASE WHEN subscription.user_id IS NULL THEN coalesce(left(person.plan, 255), 'unknown')
             ELSE coalesce(subscription.plan, 'free') END AS plan,
        coalesce(least(greatest(person.created_at AT TIME ZONE 'UTC', timestamp '1970-01-01'), timestamp '2149-06-06'), timestamp '1970-01-01') AS created_at,
        CASE WHEN person.converted_at < '1970-01-01Z' THEN timestamp '1970-01-01'
             WHEN person.converted_at >= '2149-06-07Z' THEN timestamp '2149-06-06'
             ELSE person.converted_at AT TIME ZONE 'UTC' END AS converted_at,
        deletion.user_id IS NOT NULL AS deleted,
        coalesce(subscription.mrr_usd, 0)::numeric(12, 2) AS mrr_usd,
        subscription.paid_since
    FROM users AS person
    FULL JOIN user_deletion AS deletion ON deletion.user_id = person.id
    LEFT JOIN subscription ON subscription.user_id = person.id
$sql$))
SETTINGS external_table_strict_query = 1
