DROP TRIGGER operation_is_durable ON operation;
DROP TRIGGER lease_is_durable ON lease;
DROP TRIGGER refused_request_is_durable ON refused_request;
DROP TRIGGER drawing_is_durable ON drawing;
DROP TRIGGER ledger_entry_is_durable ON ledger_entry;
DROP TRIGGER opened_release_is_durable ON opened_release;
DROP FUNCTION wait_for_disk();
