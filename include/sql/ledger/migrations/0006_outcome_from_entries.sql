-- depends: 0005_bake_check
-- kind: contract
-- runs_with: >=0.1.0
-- safe_since: 0.1.0
-- How a release ended is what its entries say, and nothing else: what was opened (opened_release) is never changed,
-- and release shows it with the end that ledger_entry has. Everything on record refuses a change, whoever asks.

ALTER TABLE release RENAME TO opened_release;
ALTER TABLE opened_release DROP COLUMN outcome, DROP COLUMN reason, DROP COLUMN closed_at;

CREATE VIEW release AS
SELECT opened_release.release_id, version, run_id, actor, plan, policy, stable,
       CASE WHEN undone.key IS NULL THEN closed.payload ->> 'outcome' ELSE 'rolled_back' END AS outcome,
       coalesce(undone.payload, closed.payload) ->> 'reason' AS reason,
       opened_at,
       coalesce(undone.at, closed.at) AS closed_at
FROM opened_release
LEFT JOIN ledger_entry AS closed
       ON closed.release_id = opened_release.release_id AND closed.key = 'closed'
LEFT JOIN ledger_entry AS undone
       ON undone.release_id = opened_release.release_id AND undone.key = 'rolled_back/promotion';

CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
END $$;

CREATE TRIGGER opened_release_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON opened_release
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER drawing_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON drawing
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
