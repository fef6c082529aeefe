-- The day's facts: what arrives without its trailer, with plan, release, phase and the cost it should have had. A view
-- that each block passes on its way, so that the day is written once.
-- Formula:    version: of the release that made the revision. release, phase: the window the request came in; arm:
--             'new' when the release's own revision answered, else 'stable'. expected_cost_usd: tokens used times the
--             price of that moment, rounded half away from zero to a microdollar.
-- Grain:      one row per request.
-- Source:     this run's arrival and extracts.
-- Edge cases: a user nobody knows has plan 'unknown'; a row without agent, model or revision has ''. A user who asked
--             to be forgotten keeps nothing that names them: user 0, no session; money and tokens stay. Windows and
--             prices of one day are few: looked up in arrays, which costs less than a join.
CREATE MATERIALIZED VIEW {{ usage_fact_view }} TO {{ usage_fact }} AS
WITH
    (SELECT groupArray((began_at, ifNull(ended_at, toDateTime64('2200-01-01', 6, 'UTC')), version, phase, revision)) FROM {{ release_phase }}) AS windows,
    (SELECT groupArray((revision, version)) FROM (SELECT revision, any(version) AS version FROM {{ release_extract }} GROUP BY revision)) AS versions,
    (SELECT groupArray((model, effective_from, usd_per_token)) FROM (SELECT * FROM {{ price_extract }} ORDER BY model, effective_from)) AS prices,
    arrayFirst(w -> usage.created_at >= w.1 AND usage.created_at < w.2, windows) AS found_window,
    arrayLast(p -> p.1 = usage.model AND p.2 <= usage.created_at, prices) AS price
SELECT
    toDate(usage.created_at, 'UTC') AS day,
    assumeNotNull(usage.id) AS id,
    if(person.deleted, toUUID('00000000-0000-0000-0000-000000000000'), assumeNotNull(usage.user_id)) AS user_id,
    if(person.plan = '' OR person.deleted, 'unknown', person.plan) AS plan,
    if(person.deleted, '', ifNull(usage.session_key, '')) AS session_key,
    ifNull(usage.agent_name, '') AS agent_name,
    ifNull(usage.model, '') AS model,
    ifNull(usage.revision, '') AS revision,
    arrayFirst(v -> v.1 = usage.revision, versions).2 AS version,
    found_window.3 AS release,
    found_window.4 AS phase,
    multiIf(found_window.4 = '', '', found_window.5 = usage.revision, 'new', 'stable') AS arm,
    usage.tokens_used AS tokens_used,
    usage.tokens_original AS tokens_original,
    usage.cost_usd AS cost_usd,
    usage.cost_original_usd AS cost_original_usd,
    if(price.3 = 0, NULL, CAST(round(usage.tokens_used * price.3, 6) AS Nullable(Decimal(10, 6)))) AS expected_cost_usd,
    usage.optimization_applied AS optimization_applied,
    usage.optimization_succeeded AS optimization_succeeded,
    assumeNotNull(usage.created_at) AS created_at
FROM {{ usage_arrival }} AS usage
LEFT JOIN {{ person_extract }} AS person ON person.id = usage.user_id
WHERE usage.trailer IS NULL
