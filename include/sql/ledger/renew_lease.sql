-- Of a release that an earlier version opened, the lease names no project: "region/service".
UPDATE lease SET until = greatest(until, %(until)s)
WHERE service IN (%(service)s, regexp_replace(%(service)s, '^[^/]+/', '')) AND release_id = %(release_id)s
