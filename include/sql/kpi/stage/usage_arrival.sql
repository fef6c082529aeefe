-- One UTC day of token_usage_tracking, straight from PostgreSQL, with a trailer row of control totals.
-- Definition: the rows whose created_at (UTC, without zone) lies in [day, day + 1).
-- Grain:      one row per request, then one trailer row with control_rows set; none is kept here, see kpi/arrival.
-- Unit:       USD with six decimals, exact; tokens.
-- Source:     PostgreSQL token_usage_tracking, through the named collection slipway_source (host and password
--             are kept by the server, never in a statement).
-- Edge cases: rows and totals come from one statement and so from one snapshot: rows committed meanwhile are in
--             both or in neither. A day without rows still has its trailer. NULLs are kept. The whole filter runs
--             in PostgreSQL; external_table_strict_query refuses a condition that would not. control_hash is over
--             every row's id and version (xmin, which every change of any column makes anew, and freezing keeps);
--             late/differing_days.sql works it out in the same way. Without its precision, the trailer's NULL would
--             make every amount a number of any precision, which is slow to read. Smaller blocks than ClickHouse's own
--             are sorted and written while the next ones come in; four threads, however few the processors, since the
--             one that reads mostly waits for PostgreSQL.
INSERT INTO {usage_arrival:Identifier}
SELECT *
FROM postgresql(slipway_source, query = replaceAll(replaceAll($sql$
    SELECT
        id, user_id, session_key, agent_name, model, revision, tokens_used, tokens_original,
        cost_usd, cost_original_usd, optimization_applied, optimization_succeeded, created_at,
        NULL::bigint AS control_rows,
        NULL::numeric(38, 6) AS control_cost_usd,
        NULL::numeric(38, 6) AS control_cost_original_usd,
        NULL::bigint AS control_hash
    FROM token_usage_tracking
    WHERE created_at >= timestamp ':day' AND created_at < timestamp ':next_day'
    UNION ALL
    SELECT
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL::numeric(10, 6), NULL::numeric(10, 6), NULL, NULL, NULL,
        count(*),
        coalesce(sum(cost_usd), 0)::numeric(38, 6),
        coalesce(sum(cost_original_usd), 0)::numeric(38, 6),
        coalesce(bit_xor(uuid_hash_extended(id, xmin::text::bigint)), 0)
    FROM token_usage_tracking
    WHERE created_at >= timestamp ':day' AND created_at < timestamp ':next_day'
$sql$, ':day', toString({day:Date})), ':next_day', toString({day:Date} + 1)))
SETTINGS external_table_strict_query = 1, parallel_view_processing = 1, max_threads = 4, min_insert_block_size_rows = 524288, min_insert_block_size_bytes = 0
