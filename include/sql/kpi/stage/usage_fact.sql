-- The day's facts: the extract without its trailer, with the user's plan.
-- Grain:      one row per request.
-- Source:     this run's extracts.
-- Edge cases: a user who is gone has plan 'unknown'; a row without agent, model or revision has ''.
INSERT INTO {usage_fact:Identifier}
SELECT
    toDate(usage.created_at, 'UTC') AS day,
    assumeNotNull(usage.id),
    assumeNotNull(usage.user_id),
    if(person.plan = '', 'unknown', person.plan),
    ifNull(usage.session_key, ''),
    ifNull(usage.agent_name, ''),
    ifNull(usage.model, ''),
    ifNull(usage.revision, ''),
    usage.tokens_used,
    usage.tokens_original,
    usage.cost_usd,
    usage.cost_original_usd,
    usage.optimization_applied,
    usage.optimization_succeeded,
    assumeNotNull(usage.created_at)
FROM {usage_extract:Identifier} AS usage
LEFT JOIN {person_extract:Identifier} AS person ON person.id = usage.user_id
WHERE usage.control_rows IS NULL
