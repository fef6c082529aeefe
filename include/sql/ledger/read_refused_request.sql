-- A run whose refusal was mended, and its tasks run again, has opened its release: it is not refused any more.
SELECT release_id, version, run_id, actor, request, reasons, refused_at, notified
FROM refused_request
WHERE run_id = %(run_id)s AND NOT EXISTS (SELECT FROM release WHERE release.run_id = refused_request.run_id)
