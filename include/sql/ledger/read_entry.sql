SELECT payload FROM ledger_entry WHERE release_id = %(release_id)s AND key = %(key)s
