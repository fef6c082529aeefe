-- depends: 0002_index
-- kind: backfill
-- runs_with: >=1.0.0
-- table: token_usage_tracking
-- key: id

UPDATE token_usage_tracking
   SET tokens_saved = coalesce(tokens_original, tokens_used) - tokens_used
 WHERE tokens_saved IS NULL
   AND id > coalesce(nullif(current_setting('slipway.after', true), ''), '00000000-0000-0000-0000-000000000000')::uuid
   AND id <= coalesce(nullif(current_setting('slipway.upto', true), ''), 'ffffffff-ffff-ffff-ffff-ffffffffffff')::uuid;
