INSERT INTO ledger_entry (release_id, sequence, key, at, payload, previous_hash, hash)
VALUES (%(release_id)s, %(sequence)s, %(key)s, %(at)s, %(payload)s, %(previous_hash)s, %(hash)s)
