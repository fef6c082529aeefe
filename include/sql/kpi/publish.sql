-- Show a staged day to readers: one table, one step.
-- Edge cases: a partition is not replaced with nothing unless the run allows it
--             (allow_replace_partition_from_empty_source), which it does when the source said it has no rows.
ALTER TABLE {{ table }} REPLACE PARTITION {day:Date} FROM {{ staging }} SETTINGS alter_sync = 2
