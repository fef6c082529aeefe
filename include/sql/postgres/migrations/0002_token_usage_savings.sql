-- depends: 0001_token_usage_tracking
-- kind: expand
-- runs_with: >=1.0.0
-- What the savings are computed from: the request before optimization, its outcome, and the revision that served it.
-- Only nullable columns: the revision before this release goes on writing without them.

ALTER TABLE token_usage_tracking
    ADD COLUMN IF NOT EXISTS model VARCHAR(64),
    ADD COLUMN IF NOT EXISTS tokens_original INTEGER,
    ADD COLUMN IF NOT EXISTS cost_original_usd DECIMAL(10,6),
    ADD COLUMN IF NOT EXISTS optimization_succeeded BOOLEAN,
    ADD COLUMN IF NOT EXISTS revision VARCHAR(128);
