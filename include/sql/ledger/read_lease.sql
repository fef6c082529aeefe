-- A release that an earlier version opened holds "region/service": of its policy's project.
SELECT lease.release_id, release.version, release.actor, lease.taken_at, lease.until
FROM lease JOIN release USING (release_id)
WHERE %(service)s IN (lease.service, policy #>> '{environments,production,project_id}' || '/' || lease.service)
  AND lease.until > clock_timestamp()
