INSERT INTO slipway_backfill (name, upto, row_count) VALUES (%(name)s, %(upto)s, %(rows)s)
ON CONFLICT (name) DO UPDATE SET upto = excluded.upto, row_count = excluded.row_count, updated_at = clock_timestamp()
