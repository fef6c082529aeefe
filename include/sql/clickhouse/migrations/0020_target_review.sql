-- What was said about every business target on a day. Replaced as a whole day, like the KPIs it rests on.
-- forecast_low to forecast_high is the policy's interval at the due date; all three are NULL where there is none.
CREATE TABLE IF NOT EXISTS target_review{{ on_cluster }}
(
    as_of         Date,
    release_id    String,
    version       String,
    promoted_on   Date,
    horizon       LowCardinality(String),
    target        LowCardinality(String),
    title         String,
    kpi           LowCardinality(String),
    unit          LowCardinality(String),
    status        LowCardinality(String),
    value         Nullable(Decimal(38, 6)),
    at_least      Nullable(Decimal(38, 6)),
    at_most       Nullable(Decimal(38, 6)),
    n             UInt64,
    forecast      Nullable(Decimal(38, 6)),
    forecast_low  Nullable(Decimal(38, 6)),
    forecast_high Nullable(Decimal(38, 6)),
    due           Date,
    reason        String,
    run_id        String,
    published_at  DateTime64(3, 'UTC')
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY as_of
ORDER BY (horizon, target);{{ all_shards('target_review') }}
