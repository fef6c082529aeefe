-- One UTC day of everything but the usage, with a trailer row of control totals.
-- Definition: the rows of the product's view kpi_event whose created_at (UTC, without zone) lies in [day, day + 1),
--             and a conversion for every user whose converted_at does.
-- Grain:      one row per event, then one trailer row with control_rows set.
-- Source:     PostgreSQL kpi_event and users, through the product's named collection.
-- Edge cases: as in usage_arrival. The view gives every table of the product one shape and holds no personal data
--             but the user's id.
INSERT INTO {{ event_extract }}
SELECT *
FROM postgresql({{ collection }}, query = concat($sql$
    WITH event AS (
        SELECT source, id, user_id, revision, kind, quantity, of_quantity, amount, created_at
        FROM kpi_event
        WHERE created_at >= timestamp '{{ value("{day:Date}") }}' AND created_at < timestamp '{{ value("{day:Date} + 1") }}'
        UNION ALL
        SELECT 'conversion', id, id, NULL, NULL, NULL, NULL, NULL, converted_at AT TIME ZONE 'UTC'
        FROM users
        WHERE converted_at >= timestamptz '{{ value("{day:Date}") }} 00:00Z' AND converted_at < timestamptz '{{ value("{day:Date} + 1") }} 00:00Z'
    )
    SELECT
        source, id, user_id, revision, kind, quantity, of_quantity, amount::numeric(18, 6) AS amount, created_at,
        NULL::bigint AS control_rows,
        NULL::bigint AS control_hash
    FROM event
    UNION ALL
    SELECT
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        count(*),
        coalesce(bit_xor(hash_record_extended(ROW(
            source, id, user_id, revision, kind, quantity, of_quantity, amount, created_at
        ), 0)), 0)
    FROM event
$sql$))
SETTINGS external_table_strict_query = 1
