SELECT lease.release_id, release.version, release.actor, lease.taken_at, lease.until
FROM lease JOIN release USING (release_id)
WHERE service = %(service)s AND lease.until > clock_timestamp()
