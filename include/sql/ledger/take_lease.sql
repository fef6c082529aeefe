-- Only a lease that has run out is taken over.
INSERT INTO lease AS held (service, release_id, until) VALUES (%(service)s, %(release_id)s, %(until)s)
ON CONFLICT (service) DO UPDATE
SET release_id = excluded.release_id, taken_at = clock_timestamp(), until = excluded.until
WHERE held.until <= clock_timestamp()
