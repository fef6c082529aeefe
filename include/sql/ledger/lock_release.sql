SELECT 1 FROM release WHERE release_id = %(release_id)s FOR UPDATE
