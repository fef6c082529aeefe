-- kind: expand
-- runs_with: >=1.0.0

ALTER TABLE token_usage_tracking ADD COLUMN tokens_saved integer;
