-- depends: 0003_backfill
-- kind: expand
-- runs_with: >=1.0.0

ALTER TABLE token_usage_tracking
    ADD CONSTRAINT tokens_saved_positive CHECK (tokens_saved IS NULL OR tokens_saved >= 0) NOT VALID;
