SELECT phase, round FROM drawing WHERE release_id = %(release_id)s
