-- Show a staged day of a product to readers: one table, one step. No other product's day is touched.
-- Edge cases: a partition is not replaced with nothing unless the run allows it
--             (allow_replace_partition_from_empty_source), which it does when the source said it has no rows.
ALTER TABLE {{ table }} REPLACE PARTITION ({product:String}, {day:Date}) FROM {{ staging }} SETTINGS alter_sync = 2
