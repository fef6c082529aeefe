-- depends: 0003_drawing
-- kind: expand
-- runs_with: >=0.1.0
-- Requests that the preflight refused: they have no release, and so no record of their own. One row a run.

CREATE TABLE refused_request (
    release_id text PRIMARY KEY,
    version text NOT NULL,
    run_id text NOT NULL UNIQUE,
    actor text NOT NULL,
    request jsonb NOT NULL,
    reasons jsonb NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    notified text
);

CREATE INDEX refused_request_by_time ON refused_request (refused_at DESC);
