-- The highest key when a backfill begins: what is inserted after that, its writers fill themselves.
INSERT INTO slipway_backfill (name, row_count, last_key)
SELECT %(name)s, 0, key::text
  FROM (SELECT {{ key }} AS key FROM {{ table }} ORDER BY {{ key }} DESC LIMIT 1) AS highest
ON CONFLICT (name) DO UPDATE SET last_key = coalesce(slipway_backfill.last_key, excluded.last_key)
RETURNING last_key
