-- A page of the releases, the newest first.
SELECT release_id, version, run_id, actor, policy #>> '{environments,production,location}', outcome, reason,
       opened_at, closed_at
FROM release ORDER BY opened_at DESC, release_id LIMIT %(limit)s OFFSET %(offset)s
