-- Held by the session that migrates; any number will do as long as it is always the same.
SELECT pg_advisory_lock(1360739857)
