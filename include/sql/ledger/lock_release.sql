-- Entries of a release are written one after another. A lock on its row would need the right to change it.
SELECT pg_advisory_xact_lock(hashtextextended(release_id, 0)) FROM opened_release WHERE release_id = %(release_id)s
