-- A page of the refused requests, the newest first; without those that have opened their release since.
SELECT release_id, version, run_id, actor, request, reasons, refused_at, notified
FROM refused_request
WHERE NOT EXISTS (SELECT FROM release WHERE release.run_id = refused_request.run_id)
ORDER BY refused_at DESC, release_id LIMIT %(limit)s OFFSET %(offset)s
