-- What a release knows about this database: whose it is, what was applied as declared, how far a backfill got.
CREATE TABLE IF NOT EXISTS slipway_database (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    product text NOT NULL,
    environment text NOT NULL
);
CREATE TABLE IF NOT EXISTS slipway_migration (
    name text PRIMARY KEY,
    kind text NOT NULL,
    runs_with text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS slipway_backfill (
    name text PRIMARY KEY,
    upto text,
    last_key text,
    row_count bigint NOT NULL,
    done boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Databases that have the table from before a backfill had an end.
ALTER TABLE slipway_backfill ADD COLUMN IF NOT EXISTS last_key text;
