-- One UTC day of token_usage_tracking in PostgreSQL, with a trailer row of control totals, as a table to read from.
-- Definition: the rows whose created_at (UTC, without zone) lies in [day, day + 1).
-- Grain:      one row per request, then one row that has a trailer and nothing else.
-- Unit:       USD with six decimals, exact; tokens.
-- Source:     PostgreSQL token_usage_tracking, through the product's named collection (host and password
--             are kept by the server, never in a statement).
-- Edge cases: rows and totals come from one statement and so from one snapshot: rows committed meanwhile are in
--             both or in neither. A day without rows still has its trailer. NULLs are kept. The trailer's hash is
--             over every row's id and version (xmin, which every change of any column makes anew, and freezing
--             keeps); late/differing_days.sql works it out in the same way. A request's amounts are taken as
--             PostgreSQL writes them: a column becomes decimals at once faster than one value after the other.
--             The trailer is one text, since every column costs each of the requests something.
CREATE TABLE {{ usage_arrival_source }}
(
    id                     Nullable(UUID),
    user_id                Nullable(UUID),
    session_key            Nullable(String),
    agent_name             Nullable(String),
    model                  Nullable(String),
    revision               Nullable(String),
    tokens_used            Nullable(Int32),
    tokens_original        Nullable(Int32),
    cost_usd               Nullable(String),
    cost_original_usd      Nullable(String),
    optimization_applied   Nullable(Bool),
    optimization_succeeded Nullable(Bool),
    created_at             Nullable(DateTime64(6, 'UTC')),
    trailer                Nullable(String)
)
ENGINE = PostgreSQL({{ collection }}, query = concat($sql$
    SELECT
        id, user_id, session_key, agent_name, model, revision, tokens_used, tokens_original,
        cost_usd, cost_original_usd, optimization_applied, optimization_succeeded, created_at,
        NULL AS trailer
    FROM token_usage_tracking
    WHERE created_at >= timestamp '{{ value("{day:Date}") }}' AND created_at < timestamp '{{ value("{day:Date} + 1") }}'
    UNION ALL
    SELECT
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        json_build_object(
            'rows', count(*),
            'cost_usd', coalesce(sum(cost_usd), 0)::text,
            'cost_original_usd', coalesce(sum(cost_original_usd), 0)::text,
            'hash', coalesce(bit_xor(uuid_hash_extended(id, xmin::text::bigint)), 0)
        )::text
    FROM token_usage_tracking
    WHERE created_at >= timestamp '{{ value("{day:Date}") }}' AND created_at < timestamp '{{ value("{day:Date} + 1") }}'
$sql$))
