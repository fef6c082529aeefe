-- depends: 0001_ledger
-- kind: expand
-- runs_with: >=0.1.0
-- When a lease runs out, and the Google Cloud operations that a step of a release waits for.

ALTER TABLE lease ADD COLUMN until timestamptz NOT NULL DEFAULT 'infinity';

CREATE TABLE operation (
    release_id text NOT NULL REFERENCES release,
    step text NOT NULL,
    name text NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (release_id, step)
);
