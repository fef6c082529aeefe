INSERT INTO release (release_id, version, run_id, actor, plan, policy, stable)
VALUES (%(release_id)s, %(version)s, %(run_id)s, %(actor)s, %(plan)s, %(policy)s, %(stable)s)
ON CONFLICT (release_id) DO NOTHING
