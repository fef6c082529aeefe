-- Only a lease that has run out is taken over. A release that an earlier version opened holds "region/service": of its
-- policy's project.
WITH earlier AS (
    SELECT lease.service FROM lease JOIN opened_release USING (release_id)
    WHERE policy #>> '{environments,production,project_id}' || '/' || lease.service = %(service)s
), taken_over AS (
    DELETE FROM lease WHERE service IN (SELECT service FROM earlier) AND until <= clock_timestamp()
    RETURNING service
)
INSERT INTO lease AS held (service, release_id, until)
SELECT %(service)s, %(release_id)s, %(until)s
WHERE NOT EXISTS (SELECT service FROM earlier EXCEPT SELECT service FROM taken_over)
ON CONFLICT (service) DO UPDATE
SET release_id = excluded.release_id, taken_at = clock_timestamp(), until = excluded.until
WHERE held.until <= clock_timestamp()
