-- Changes whenever something of a release does that the page shows.
SELECT outcome, closed_at,
       (SELECT max(sequence) FROM ledger_entry WHERE ledger_entry.release_id = release.release_id),
       (SELECT count(*) FROM drawing WHERE drawing.release_id = release.release_id),
       (SELECT max(checked_at) FROM bake_check WHERE bake_check.release_id = release.release_id)
FROM release WHERE release_id = %(release_id)s
