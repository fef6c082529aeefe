DROP TRIGGER drawing_is_append_only ON drawing;
DROP TRIGGER opened_release_is_append_only ON opened_release;
ALTER TABLE opened_release
    ADD COLUMN outcome text CHECK (outcome IN ('promoted', 'rolled_back')),
    ADD COLUMN reason text,
    ADD COLUMN closed_at timestamptz;
UPDATE opened_release SET outcome = release.outcome, reason = release.reason, closed_at = release.closed_at
FROM release WHERE release.release_id = opened_release.release_id;
ALTER TABLE opened_release
    ADD CONSTRAINT release_check CHECK ((outcome IS NULL) = (closed_at IS NULL)) NOT VALID;
DROP VIEW release;
ALTER TABLE opened_release RENAME TO release;
