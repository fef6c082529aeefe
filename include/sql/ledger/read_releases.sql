-- A page of the releases, the newest first; an open one has no reason yet, so the last thing on record is with it.
SELECT release_id, version, run_id, actor, policy #>> '{environments,production,location}', outcome, reason,
       opened_at, closed_at,
       (SELECT key FROM ledger_entry WHERE ledger_entry.release_id = release.release_id
        ORDER BY sequence DESC LIMIT 1)
FROM release ORDER BY opened_at DESC, release_id LIMIT %(limit)s OFFSET %(offset)s
