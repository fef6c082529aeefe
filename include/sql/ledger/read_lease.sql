SELECT lease.release_id, release.version, release.actor, lease.taken_at
FROM lease JOIN release USING (release_id)
WHERE service = %(service)s
