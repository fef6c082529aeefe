INSERT INTO opened_release (release_id, version, run_id, actor, plan, policy, stable, opened_at)
VALUES (%(release_id)s, %(version)s, %(run_id)s, %(actor)s, %(plan)s, %(policy)s, %(stable)s, %(opened_at)s)
ON CONFLICT (release_id) DO NOTHING
