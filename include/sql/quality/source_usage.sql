-- What the expectations of source_usage look at: the day's rows in PostgreSQL, summed up into one row there.
-- One row, because a query's rows would come to the task to be looked at; half-open, so that the index serves.
SELECT
    coalesce(count(*) FILTER (WHERE tokens_used IS NULL)::float / nullif(count(*), 0), 0) AS share_without_tokens,
    coalesce(count(*) FILTER (WHERE cost_usd IS NULL)::float / nullif(count(*), 0), 0) AS share_without_cost,
    coalesce(count(*) FILTER (WHERE optimization_succeeded AND cost_original_usd IS NULL)::float
        / nullif(count(*) FILTER (WHERE optimization_succeeded), 0), 0) AS share_of_successes_without_original_cost,
    coalesce(min(tokens_used), 0) AS fewest_tokens,
    coalesce(max(tokens_used), 0) AS most_tokens,
    coalesce(least(min(cost_usd), min(cost_original_usd)), 0)::float AS lowest_cost_usd,
    coalesce(greatest(
        max(cost_usd) FILTER (WHERE cost_usd < 'infinity'),
        max(cost_original_usd) FILTER (WHERE cost_original_usd < 'infinity')
    ), 0)::float AS highest_cost_usd,
    coalesce(extract(epoch FROM
        least(timestamp {{ next_day }}, now() AT TIME ZONE 'UTC') - max(created_at)) / 3600, 0)::float
        AS hours_since_newest_row,
    count(*) FILTER (WHERE NOT cost_usd < 'infinity') AS cost_usd_not_finite,
    count(*) FILTER (WHERE NOT cost_original_usd < 'infinity') AS cost_original_usd_not_finite,
    count(*) FILTER (WHERE strpos(session_key, '\u0000') > 0) AS session_key_with_nul,
    count(*) FILTER (WHERE strpos(agent_name, '\u0000') > 0) AS agent_name_with_nul,
    count(*) FILTER (WHERE strpos(model, '\u0000') > 0) AS model_with_nul,
    count(*) FILTER (WHERE strpos(revision, '\u0000') > 0) AS revision_with_nul
FROM token_usage_tracking
WHERE created_at >= timestamp {{ day }} AND created_at < timestamp {{ next_day }}
