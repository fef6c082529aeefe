SELECT sequence, hash FROM ledger_entry
WHERE release_id = %(release_id)s ORDER BY sequence DESC LIMIT 1
