-- The days of a product to roll up again: what the source says about them now is not what it said when they were published.
-- Definition: every UTC day of the window, today excluded, whose fingerprint (rows, hash over every row) differs
--             from the published one, or that has rows and was never published; and every published day, however
--             old, that still names a user who asked to be forgotten. Plans, revenue and cohorts of a day rest on all
--             that is noted about customers up to its end: a late note concerns its own day and every later one; the
--             first subscription of a customer who had a plan without one concerns every day. And every published
--             day of the window on which a revision served that was rolled back only after the day was published.
-- Grain:      one row per day: the day, and why.
-- Source:     PostgreSQL token_usage_tracking, kpi_event, users and user_deletion, through the product's collection; source_fingerprint,
--             usage_user_day, event_fact, subscriber_day; PostgreSQL ledger_entry through slipway_ledger; bad_revision.
-- Edge cases: rows that come after this ran are found by the next. Days before the window are not compared.
WITH
    source AS
    (
        SELECT *
        FROM postgresql({{ collection }}, query = concat($sql$
            SELECT
                created_at::date AS day, 'usage' AS source, count(*) AS rows,
                bit_xor(uuid_hash_extended(id, xmin::text::bigint)) AS hash
            FROM token_usage_tracking
            WHERE created_at >= timestamp '{{ value("today() - {window_days:UInt16}") }}' AND created_at < timestamp '{{ value("today()") }}'
            GROUP BY 1
            UNION ALL
            SELECT
                created_at::date, 'events', count(*),
                bit_xor(hash_record_extended(ROW(
                    source, id, user_id, revision, kind, quantity, of_quantity, amount, created_at
                ), 0))
            FROM (
                SELECT source, id, user_id, revision, kind, quantity, of_quantity, amount, created_at
                FROM kpi_event
                WHERE created_at >= timestamp '{{ value("today() - {window_days:UInt16}") }}' AND created_at < timestamp '{{ value("today()") }}'
                UNION ALL
                SELECT 'conversion', id, id, NULL, NULL, NULL, NULL, NULL, converted_at AT TIME ZONE 'UTC'
                FROM users
                WHERE converted_at >= timestamptz '{{ value("today() - {window_days:UInt16}") }} 00:00Z' AND converted_at < timestamptz '{{ value("today()") }} 00:00Z'
            ) AS event
            GROUP BY 1
            UNION ALL
            SELECT
                day, 'customers', (sum(rows) OVER up_to_day)::bigint, bit_xor(hash) OVER up_to_day
            FROM (
                SELECT
                    greatest(at, timestamp '{{ value("today() - {window_days:UInt16}") }}')::date AS day, count(what) AS rows,
                    coalesce(bit_xor(hash_record_extended(ROW(what, user_id, plan, mrr_usd, at), 0))
                        FILTER (WHERE what IS NOT NULL), 0) AS hash
                FROM (
                    SELECT 'subscription'::text AS what, user_id, plan::text AS plan,
                        mrr_usd::numeric(12, 2) AS mrr_usd, occurred_at AS at
                    FROM subscription_event
                    UNION ALL
                    SELECT 'sign-up', id, NULL, NULL, created_at AT TIME ZONE 'UTC'
                    FROM users
                    UNION ALL
                    SELECT 'conversion', id, NULL, NULL, converted_at AT TIME ZONE 'UTC'
                    FROM users
                    UNION ALL
                    SELECT 'plan', id, plan::text, NULL, timestamp '-infinity'
                    FROM users
                    WHERE plan <> 'free' AND NOT EXISTS (SELECT FROM subscription_event WHERE user_id = users.id)
                    UNION ALL
                    SELECT NULL, NULL, NULL, NULL, day
                    FROM generate_series(timestamp '{{ value("today() - {window_days:UInt16}") }}', timestamp '{{ value("today()") }}', interval '1 day') AS day
                ) AS note
                WHERE at < timestamp '{{ value("today()") }}'
                GROUP BY 1
            ) AS noted
            WINDOW up_to_day AS (ORDER BY day)
        $sql$))
    ),
    marked AS
    (
        SELECT release_id, toDate(day) AS day
        FROM postgresql(slipway_ledger, query = concat($sql$
            SELECT release_id, served.day::date AS day
            FROM ledger_entry
            JOIN release USING (release_id)
            CROSS JOIN LATERAL generate_series(
                date_trunc('day', (payload ->> 'began_at')::timestamptz AT TIME ZONE 'UTC'),
                coalesce((payload ->> 'ended_at')::timestamptz, closed_at) AT TIME ZONE 'UTC',
                interval '1 day'
            ) AS served (day)
            WHERE key = 'incident' AND release.plan ->> 'policy_name' = '{{ value("{product:String}") }}'
                AND served.day >= timestamp '{{ value("today() - {window_days:UInt16}") }}' AND served.day < timestamp '{{ value("today()") }}'
        $sql$))
    ),
    forgotten AS (SELECT user_id FROM postgresql({{ collection }}, query = $sql$ SELECT user_id FROM user_deletion $sql$))
SELECT day, arrayStringConcat(arraySort(groupUniqArray(reason)), ', ') AS reasons
FROM
(
    SELECT
        day,
        concat(source, if(is_published, ' changed', ' not published')) AS reason
    FROM
    (
        SELECT day, source, sum(now_rows) AS now_rows, sum(now_hash) AS now_hash, sum(then_rows) AS then_rows, sum(then_hash) AS then_hash, max(is_published) AS is_published
        FROM
        (
            SELECT toDate(day) AS day, source, toInt64(rows) AS now_rows, hash AS now_hash, 0 AS then_rows, 0 AS then_hash, 0 AS is_published FROM source
            UNION ALL
            SELECT day, toString(source), 0, 0, toInt64(rows), hash, 1 FROM source_fingerprint WHERE product = {product:String} AND day >= today() - {window_days:UInt16} AND day < today()
        )
        GROUP BY day, source
    )
    WHERE (now_rows != then_rows OR now_hash != then_hash) AND (is_published OR source != 'customers')
    UNION ALL
    SELECT day, 'bad revision not marked'
    FROM
    (
        SELECT
            day,
            groupUniqArrayIf(release_id, what = 'known') AS known,
            groupUniqArrayIf(release_id, what = 'marked') AS already_marked,
            countIf(what = 'published') > 0 AS is_published
        FROM
        (
            SELECT day, release_id, 'known' AS what FROM marked
            UNION ALL
            SELECT day, release_id, 'marked' FROM bad_revision WHERE product = {product:String}
            UNION ALL
            SELECT day, '', 'published' FROM source_fingerprint WHERE product = {product:String}
        )
        GROUP BY day
    )
    WHERE is_published AND NOT hasAll(already_marked, known)
    UNION ALL
    SELECT DISTINCT day, 'names a forgotten user' FROM usage_user_day WHERE product = {product:String} AND user_id IN (SELECT user_id FROM forgotten)
    UNION ALL
    SELECT DISTINCT day, 'names a forgotten user' FROM event_fact WHERE product = {product:String} AND user_id IN (SELECT user_id FROM forgotten)
    UNION ALL
    SELECT DISTINCT day, 'names a forgotten user' FROM subscriber_day WHERE product = {product:String} AND user_id IN (SELECT user_id FROM forgotten)
)
GROUP BY day
ORDER BY day
SETTINGS external_table_strict_query = 1
