-- When a revision served that was rolled back later, for the days it touches: what their KPIs have to be read with.
CREATE TABLE IF NOT EXISTS bad_revision{{ on_cluster }}
(
    day          Date,
    release_id   String,
    version      LowCardinality(String),
    service      LowCardinality(String),
    revision     LowCardinality(String),
    most_percent Float64,
    began_at     DateTime64(6, 'UTC'),
    ended_at     DateTime64(6, 'UTC'),
    users        Nullable(UInt64),
    reason       String
)
ENGINE = {{ engine('MergeTree') }}
PARTITION BY day
ORDER BY (began_at, release_id, service);{{ all_shards('bad_revision') }}
