-- Held by the session that migrates; any number will do as long as it is always the same. Tried, not waited for:
-- a session that waits holds a snapshot, and an index built concurrently would wait for that.
SELECT pg_try_advisory_lock(1360739857)
