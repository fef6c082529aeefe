-- One UTC day of token_usage_tracking in PostgreSQL, with a trailer row of control totals, as a table to read from.
-- Definition: the rows whose created_at (UTC, without zone) lies in [day, day + 1).
-- Grain:      one row per request, then one trailer row with control_rows set.
-- Unit:       USD with six decimals, exact; tokens.
-- Source:     PostgreSQL token_usage_tracking, through the named collection slipway_source (host and password
--             are kept by the server, never in a statement).
-- Edge cases: rows and totals come from one statement and so from one snapshot: rows committed meanwhile are in
--             both or in neither. A day without rows still has its trailer. NULLs are kept. control_hash is over
--             every row's id and version (xmin, which every change of any column makes anew, and freezing keeps);
--             late/differing_days.sql works it out in the same way. A request's amounts are taken as PostgreSQL
--             writes them: a column of them becomes decimals in a fifth of the time that one after the other takes.
CREATE TABLE {usage_arrival_source:Identifier}
(
    id                        Nullable(UUID),
    user_id                   Nullable(UUID),
    session_key               Nullable(String),
    agent_name                Nullable(String),
    model                     Nullable(String),
    revision                  Nullable(String),
    tokens_used               Nullable(Int32),
    tokens_original           Nullable(Int32),
    cost_usd                  Nullable(String),
    cost_original_usd         Nullable(String),
    optimization_applied      Nullable(Bool),
    optimization_succeeded    Nullable(Bool),
    created_at                Nullable(DateTime64(6, 'UTC')),
    control_rows              Nullable(UInt64),
    control_cost_usd          Nullable(Decimal(38, 6)),
    control_cost_original_usd Nullable(Decimal(38, 6)),
    control_hash              Nullable(Int64)
)
ENGINE = PostgreSQL(slipway_source, query = replaceAll(replaceAll($sql$
    SELECT
        id, user_id, session_key, agent_name, model, revision, tokens_used, tokens_original,
        cost_usd, cost_original_usd, optimization_applied, optimization_succeeded, created_at,
        NULL::bigint AS control_rows,
        NULL::numeric AS control_cost_usd,
        NULL::numeric AS control_cost_original_usd,
        NULL::bigint AS control_hash
    FROM token_usage_tracking
    WHERE created_at >= timestamp ':day' AND created_at < timestamp ':next_day'
    UNION ALL
    SELECT
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        count(*),
        coalesce(sum(cost_usd), 0),
        coalesce(sum(cost_original_usd), 0),
        coalesce(bit_xor(uuid_hash_extended(id, xmin::text::bigint)), 0)
    FROM token_usage_tracking
    WHERE created_at >= timestamp ':day' AND created_at < timestamp ':next_day'
$sql$, ':day', toString({day:Date})), ':next_day', toString({day:Date} + 1)))
