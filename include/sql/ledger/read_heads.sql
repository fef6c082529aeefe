-- The last entry of every release, also of one whose row or whose entries are not there.
SELECT release_id, last.sequence, last.hash
FROM (SELECT release_id FROM opened_release UNION SELECT release_id FROM ledger_entry) AS known
LEFT JOIN LATERAL (
    SELECT sequence, hash FROM ledger_entry
    WHERE ledger_entry.release_id = known.release_id ORDER BY sequence DESC LIMIT 1
) AS last ON true
ORDER BY release_id
