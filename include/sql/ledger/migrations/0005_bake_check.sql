-- depends: 0004_refused_request
-- kind: expand
-- runs_with: >=0.1.0
-- The newest check of each bake, for who looks at a bake that runs. Not part of the record, which has every check.

CREATE TABLE bake_check (
    release_id text NOT NULL REFERENCES release,
    phase text NOT NULL,
    round integer NOT NULL,
    decision jsonb NOT NULL,
    series jsonb NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (release_id, phase, round)
);
