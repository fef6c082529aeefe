-- The shape of what the source says about its customers up to the end of a day: how many notes, and a hash over them.
-- Stays empty, as the shapes before.
CREATE TABLE IF NOT EXISTS customer_control{{ on_cluster }}
(
    control_rows UInt64,
    control_hash Int64
)
ENGINE = {{ engine('MergeTree') }}
ORDER BY tuple();
