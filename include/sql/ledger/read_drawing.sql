SELECT svg FROM drawing WHERE release_id = %(release_id)s AND phase = %(phase)s AND round = %(round)s
