WITH backfill AS (DELETE FROM slipway_backfill WHERE name = %(name)s)
DELETE FROM slipway_migration WHERE name = %(name)s
