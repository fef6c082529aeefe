-- One row per optimized request, as PostgreSQL's token_usage_tracking has it, with the user's plan beside it.
-- Partitioned by UTC day: a day is replaced as a whole, in one step that readers see at once.
CREATE TABLE IF NOT EXISTS usage_fact{{ on_cluster }}
(
    day                    Date,
    id                     UUID,
    user_id                UUID,
    plan                   LowCardinality(String),
    session_key            String,
    agent_name             LowCardinality(String),
    model                  LowCardinality(String),
    revision               LowCardinality(String),
    tokens_used            Nullable(Int32),
    tokens_original        Nullable(Int32),
    cost_usd               Nullable(Decimal(10, 6)),
    cost_original_usd      Nullable(Decimal(10, 6)),
    optimization_applied   Nullable(Bool),
    optimization_succeeded Nullable(Bool),
    created_at             DateTime64(6, 'UTC')
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY day
ORDER BY (user_id, created_at, id);{{ all_shards('usage_fact') }}

-- The shape of an extract: the source's columns, and in the trailer row the source's own control totals.
-- The table itself stays empty; each try of a run fills a copy.
CREATE TABLE IF NOT EXISTS usage_extract{{ on_cluster }}
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
    control_cost_original_usd Nullable(Decimal(38, 6))
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY tuple();

-- The shape of an extract of the product's users. Stays empty, as above.
CREATE TABLE IF NOT EXISTS person_extract{{ on_cluster }}
(
    id           UUID,
    plan         LowCardinality(String),
    created_at   DateTime64(6, 'UTC'),
    converted_at Nullable(DateTime64(6, 'UTC'))
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY id;
