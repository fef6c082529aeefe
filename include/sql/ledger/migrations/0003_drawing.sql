-- depends: 0002_lease_end_and_operation
-- kind: expand
-- runs_with: >=0.1.0
-- The evidence of each bake as an SVG of at most 4 MiB, drawn once. Not part of the record: it can be drawn again from that.

CREATE TABLE drawing (
    release_id text NOT NULL REFERENCES release,
    phase text NOT NULL,
    round integer NOT NULL,
    svg text NOT NULL CHECK (octet_length(svg) <= 4194304),
    drawn_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (release_id, phase, round)
);
