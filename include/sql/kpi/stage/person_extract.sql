-- The product's users as they are now.
-- Definition: every user with the plan of today; times in UTC.
-- Grain:      one row per user.
-- Source:     PostgreSQL users, through the named collection slipway_source.
-- Edge cases: the product keeps no history of plans: a day rolled up again later shows the plans of then.
INSERT INTO {person_extract:Identifier}
SELECT id, plan, created_at, converted_at
FROM postgresql(slipway_source, query = $sql$
    SELECT id, plan, created_at AT TIME ZONE 'UTC' AS created_at, converted_at AT TIME ZONE 'UTC' AS converted_at
    FROM users
$sql$)
SETTINGS external_table_strict_query = 1
