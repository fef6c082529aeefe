SELECT version, run_id, actor, plan, policy, stable, opened_at FROM opened_release WHERE release_id = %(release_id)s
