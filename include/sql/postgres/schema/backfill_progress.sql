SELECT upto, row_count, done FROM slipway_backfill WHERE name = %(name)s
