-- depends: 0004_constraint
-- transactional: false
-- kind: expand
-- runs_with: >=1.0.0

ALTER TABLE token_usage_tracking VALIDATE CONSTRAINT tokens_saved_positive;
