\set row random(1, :rows)
UPDATE token_usage_tracking SET optimization_applied = NOT optimization_applied
 WHERE id = md5((:row)::text)::uuid;
