SELECT name FROM operation WHERE release_id = %(release_id)s AND step = %(step)s
