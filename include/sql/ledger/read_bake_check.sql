SELECT decision, series, checked_at FROM bake_check
WHERE release_id = %(release_id)s AND phase = %(phase)s AND round = %(round)s
