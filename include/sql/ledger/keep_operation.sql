INSERT INTO operation (release_id, step, name) VALUES (%(release_id)s, %(step)s, %(name)s)
ON CONFLICT (release_id, step) DO UPDATE SET name = excluded.name, begun_at = clock_timestamp()
