-- Where a day of usage comes in from the product's database. Nothing is kept here: in the same pass, each row goes on to
-- the facts and the trailer to usage_control. Each try of a run has a copy, with views that lead on from it.
CREATE TABLE IF NOT EXISTS usage_arrival
(
    id                        Nullable(UUID),
    user_id                   Nullable(UUID),
    session_key               Nullable(String),
    agent_name                Nullable(String),
    model                     Nullable(String),
    revision                  Nullable(String),
    tokens_used               Nullable(Int32),
    tokens_original           Nullable(Int32),
    cost_usd                  Nullable(Decimal(10, 6)),
    cost_original_usd         Nullable(Decimal(10, 6)),
    optimization_applied      Nullable(Bool),
    optimization_succeeded    Nullable(Bool),
    created_at                Nullable(DateTime64(6, 'UTC')),
    control_rows              Nullable(UInt64),
    control_cost_usd          Nullable(Decimal(38, 6)),
    control_cost_original_usd Nullable(Decimal(38, 6)),
    control_hash              Nullable(Int64)
)
ENGINE = Null;

-- The shape of what the source says it sent: the trailer of an arrival. Stays empty.
CREATE TABLE IF NOT EXISTS usage_control
(
    control_rows              UInt64,
    control_cost_usd          Decimal(38, 6),
    control_cost_original_usd Decimal(38, 6),
    control_hash              Int64
)
ENGINE = MergeTree
ORDER BY tuple();

DROP TABLE IF EXISTS usage_extract;
