ALTER TABLE token_usage_tracking
    DROP COLUMN IF EXISTS model,
    DROP COLUMN IF EXISTS tokens_original,
    DROP COLUMN IF EXISTS cost_original_usd,
    DROP COLUMN IF EXISTS optimization_succeeded,
    DROP COLUMN IF EXISTS revision;
