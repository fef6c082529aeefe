UPDATE release SET outcome = %(outcome)s, reason = %(reason)s, closed_at = clock_timestamp()
WHERE release_id = %(release_id)s AND outcome IS NULL
