SELECT sequence, key, at, payload, previous_hash, hash FROM ledger_entry
WHERE release_id = %(release_id)s ORDER BY sequence
