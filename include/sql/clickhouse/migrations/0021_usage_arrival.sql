-- Where a day of usage comes in from the product's database. Nothing is kept here: in the same pass, each row goes on to
-- the facts and the trailer to usage_control. Each try of a run has a copy, with views that lead on from it.
CREATE TABLE IF NOT EXISTS usage_arrival{{ on_cluster }}
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
CREATE TABLE IF NOT EXISTS usage_control{{ on_cluster }}
(
    control_rows              UInt64,
    control_cost_usd          Decimal(38, 6),
    control_cost_original_usd Decimal(38, 6),
    control_hash              Int64
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY tuple();

-- The shape of the figures that say whether a staged day is the source's day. Stays empty.
CREATE TABLE IF NOT EXISTS staged_day{{ on_cluster }}
(
    rows_too_many                   Int64,
    microdollars_too_many           Int64,
    original_microdollars_too_many  Int64,
    repeated_ids                    Int64,
    rows_of_other_days              Int64,
    rows_of_unknown_plans           Int64,
    rows_missing_in_the_user_rollup Int64,
    rows_with_half_a_release        Int64,
    events_too_many                 Int64
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY tuple();

DROP TABLE IF EXISTS usage_extract{{ on_cluster }};
