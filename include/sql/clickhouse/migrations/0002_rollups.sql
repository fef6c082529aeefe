-- What each user did and saved in a day.
CREATE TABLE IF NOT EXISTS usage_user_day{{ on_cluster }}
(
    day               Date,
    user_id           UUID,
    plan              LowCardinality(String),
    requests          UInt64,
    tokens_used       UInt64,
    attempts          UInt64,
    successes         UInt64,
    cost_usd          Decimal(38, 6),
    cost_before_usd   Decimal(38, 6),
    cost_after_usd    Decimal(38, 6),
    saved_usd         Decimal(38, 6)
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY day
ORDER BY user_id;{{ all_shards('usage_user_day') }}

-- The shape of a day's totals, one row per dimension; every KPI is a formula over them. Stays empty.
CREATE TABLE IF NOT EXISTS usage_totals{{ on_cluster }}
(
    dim             String,
    requests        UInt64,
    tokens_used     UInt64,
    tokens_original UInt64,
    users           UInt64,
    sessions        UInt64,
    optimized_users UInt64,
    attempts        UInt64,
    successes       UInt64,
    priced          UInt64,
    cost_usd        Decimal(38, 6),
    cost_before_usd Decimal(38, 6),
    cost_after_usd  Decimal(38, 6)
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY dim;

-- Every KPI of every day in long form: one table, so that one partition replacement shows all KPIs of a day.
-- value is NULL where it is not defined (a ratio of nothing), never 0 in its place; n says on how many it rests.
CREATE TABLE IF NOT EXISTS kpi_daily{{ on_cluster }}
(
    as_of              Date,
    kpi                LowCardinality(String),
    dim                String,
    value              Nullable(Decimal(38, 6)),
    numerator          Nullable(Decimal(38, 6)),
    denominator        Nullable(Decimal(38, 6)),
    n                  UInt64,
    unit               LowCardinality(String),
    definition_version UInt16,
    run_id             String,
    published_at       DateTime64(3, 'UTC')
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY as_of
ORDER BY (kpi, dim);{{ all_shards('kpi_daily') }}
