-- A page of the releases that the filters leave, the newest first, with how many they leave in all; one row without
-- a release where the page is behind the last one.
WITH found AS (
    SELECT release_id, opened_at FROM release
    WHERE (%(service)s::text IS NULL OR jsonb_exists(stable, %(service)s))
      AND (%(person)s::text IS NULL OR actor = %(person)s)
      AND (%(since)s::timestamptz IS NULL OR opened_at >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR opened_at < %(until)s)
      AND (%(outcome)s::text IS NULL OR coalesce(outcome, 'open') = %(outcome)s)
), page AS (
    SELECT release_id FROM found ORDER BY opened_at DESC, release_id LIMIT %(limit)s OFFSET %(offset)s
)
SELECT (SELECT count(*) FROM found), release_id, version, run_id, actor,
       policy #>> '{environments,production,location}', outcome, reason, opened_at, closed_at,
       ARRAY(SELECT jsonb_object_keys(stable) ORDER BY 1),
       (SELECT jsonb_object_agg(substr(key, 6), payload ->> 'verdict') FROM ledger_entry
        WHERE ledger_entry.release_id = release.release_id
          AND key IN ('gate/staging', 'gate/preparation', 'gate/canary', 'gate/half', 'gate/full'))
FROM (SELECT 1) AS always LEFT JOIN (page JOIN release USING (release_id)) ON true
ORDER BY opened_at DESC, release_id
