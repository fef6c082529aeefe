-- What the source says about its customers up to the end of the day: every sign-up, conversion and subscription so far,
-- and who has a plan without a subscription.
-- Grain:      one row.
-- Source:     PostgreSQL users and subscription_event, through the product's named collection.
-- Edge cases: read before person_extract: a note committed between the two is in the day and not in here, and so the
--             day is found to differ and rolled up again, which harms nothing. late/differing_days.sql works it out in
--             the same way. A customer without any subscription has today's plan on every day; the first one that
--             arrives, whatever its date, takes it away from all of them, and so is noted on all of them.
INSERT INTO {{ customer_control }}
SELECT *
FROM postgresql({{ collection }}, query = concat($sql$
    SELECT count(*) AS control_rows, coalesce(bit_xor(hash_record_extended(ROW(what, user_id, plan, mrr_usd, at), 0)), 0) AS control_hash
    FROM (
        SELECT 'subscription'::text AS what, user_id, plan::text AS plan, mrr_usd::numeric(12, 2) AS mrr_usd, occurred_at AS at
        FROM subscription_event
        WHERE occurred_at < timestamp '{{ value("{day:Date} + 1") }}'
        UNION ALL
        SELECT 'sign-up', id, NULL, NULL, created_at AT TIME ZONE 'UTC'
        FROM users
        WHERE created_at < timestamptz '{{ value("{day:Date} + 1") }} 00:00Z'
        UNION ALL
        SELECT 'conversion', id, NULL, NULL, converted_at AT TIME ZONE 'UTC'
        FROM users
        WHERE converted_at < timestamptz '{{ value("{day:Date} + 1") }} 00:00Z'
        UNION ALL
        SELECT 'plan', id, plan::text, NULL, timestamp '-infinity'
        FROM users
        WHERE plan <> 'free' AND NOT EXISTS (SELECT FROM subscription_event WHERE user_id = users.id)
    ) AS note
$sql$))
SETTINGS external_table_strict_query = 1
