-- depends: 0005_validate
-- kind: contract
-- runs_with: >=1.2.0
-- safe_since: 1.2.0

ALTER TABLE token_usage_tracking DROP COLUMN optimization_succeeded;
