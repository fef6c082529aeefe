UPDATE refused_request SET notified = %(notified)s WHERE run_id = %(run_id)s
