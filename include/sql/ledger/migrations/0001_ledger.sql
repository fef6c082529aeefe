-- kind: expand
-- runs_with: >=0.1.0
-- The record of every release: what is released (release), who may touch a service now (lease), and what
-- happened, append-only and chained by hash (ledger_entry).

CREATE TABLE release (
    release_id text PRIMARY KEY,
    version text NOT NULL,
    run_id text NOT NULL UNIQUE,
    actor text NOT NULL,
    plan jsonb NOT NULL,
    policy jsonb NOT NULL,
    stable jsonb NOT NULL,
    outcome text CHECK (outcome IN ('promoted', 'rolled_back')),
    reason text,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at timestamptz,
    CHECK ((outcome IS NULL) = (closed_at IS NULL))
);

CREATE TABLE lease (
    service text PRIMARY KEY,
    release_id text NOT NULL REFERENCES release,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE ledger_entry (
    release_id text NOT NULL REFERENCES release,
    sequence integer NOT NULL CHECK (sequence > 0),
    key text NOT NULL,
    at timestamptz NOT NULL,
    payload jsonb NOT NULL,
    previous_hash text NOT NULL,
    hash text NOT NULL UNIQUE,
    PRIMARY KEY (release_id, sequence),
    UNIQUE (release_id, key)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger_entry is append-only: % refused', TG_OP;
END $$;

CREATE TRIGGER ledger_entry_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
