INSERT INTO bake_check (release_id, phase, round, decision, series)
VALUES (%(release_id)s, %(phase)s, %(round)s, %(decision)s, %(series)s)
ON CONFLICT (release_id, phase, round)
DO UPDATE SET decision = excluded.decision, series = excluded.series, checked_at = clock_timestamp()
