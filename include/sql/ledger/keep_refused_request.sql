-- Several checks of a run may refuse it, each once; when and by whom it was asked for stays.
INSERT INTO refused_request AS kept (release_id, version, run_id, actor, request, reasons)
VALUES (%(release_id)s, %(version)s, %(run_id)s, %(actor)s, %(request)s, %(reasons)s)
ON CONFLICT (release_id) DO UPDATE SET reasons = kept.reasons || excluded.reasons
