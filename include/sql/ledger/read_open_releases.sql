-- Every open release with its run, and when the first of its locks ends; without a lock it has none to end.
SELECT release.release_id, release.run_id, min(lease.until)
FROM release LEFT JOIN lease USING (release_id)
WHERE outcome IS NULL
GROUP BY release.release_id, release.run_id, release.opened_at
ORDER BY release.opened_at, release.release_id
