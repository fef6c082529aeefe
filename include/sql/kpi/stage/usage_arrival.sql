-- The day's requests and its trailer, on their way from the source: each row passes the views that lead on from here.
-- Grain:      as kpi/source/usage_arrival; nothing is kept here.
-- Source:     this run's table on the source.
-- Edge cases: smaller blocks than ClickHouse's own are sorted and written while the next ones come in; four threads,
--             however few the processors, since the one that reads mostly waits for PostgreSQL.
INSERT INTO {{ usage_arrival }}
SELECT * REPLACE (
    CAST(cost_usd AS Nullable(Decimal(10, 6))) AS cost_usd,
    CAST(cost_original_usd AS Nullable(Decimal(10, 6))) AS cost_original_usd
)
FROM {{ usage_arrival_source }}
SETTINGS parallel_view_processing = 1, max_threads = 4, min_insert_block_size_rows = 524288, min_insert_block_size_bytes = 0
