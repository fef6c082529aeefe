SELECT payload, at FROM ledger_entry JOIN opened_release USING (release_id)
WHERE key = %(key)s AND plan ->> 'policy_name' = %(policy_name)s AND payload @> %(having)s::jsonb
ORDER BY at DESC LIMIT 1
