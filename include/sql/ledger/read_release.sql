SELECT release_id, version, run_id, actor, plan, policy, stable, outcome, reason, opened_at, closed_at
FROM release WHERE release_id = %(release_id)s
