CREATE TABLE IF NOT EXISTS schema_migration{{ on_cluster }}
(
    name       String,
    checksum   FixedString(64),
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY name
