DELETE FROM lease WHERE release_id = %(release_id)s
