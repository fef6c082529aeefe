INSERT INTO slipway_backfill (name, row_count, done) VALUES (%(name)s, 0, true)
ON CONFLICT (name) DO UPDATE SET done = true, updated_at = clock_timestamp()
