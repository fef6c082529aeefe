DROP TABLE ledger_entry;
DROP FUNCTION refuse_change();
DROP TABLE lease;
DROP TABLE release;
