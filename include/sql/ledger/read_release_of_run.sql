SELECT release_id FROM release WHERE run_id = %(run_id)s
