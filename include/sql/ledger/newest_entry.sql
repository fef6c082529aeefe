SELECT payload, at FROM ledger_entry
WHERE key = %(key)s AND payload @> %(having)s::jsonb ORDER BY at DESC LIMIT 1
