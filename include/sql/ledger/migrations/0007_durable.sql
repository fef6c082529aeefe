-- depends: 0006_outcome_from_entries
-- kind: expand
-- runs_with: >=0.1.0
-- What is on record is on the disk before who wrote it goes on, also on a server that answers earlier
-- (synchronous_commit=off): an entry that a crash takes back would have an anchor and be missing.

CREATE FUNCTION wait_for_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER opened_release_is_durable BEFORE INSERT ON opened_release
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_disk();
CREATE TRIGGER ledger_entry_is_durable BEFORE INSERT ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_disk();
CREATE TRIGGER drawing_is_durable BEFORE INSERT ON drawing
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_disk();
CREATE TRIGGER refused_request_is_durable BEFORE INSERT OR UPDATE ON refused_request
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_disk();
CREATE TRIGGER lease_is_durable BEFORE INSERT OR UPDATE OR DELETE ON lease
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_disk();
CREATE TRIGGER operation_is_durable BEFORE INSERT OR UPDATE ON operation
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_disk();
