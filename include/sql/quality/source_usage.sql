-- What the expectations of source_usage look at: the day's rows in PostgreSQL, summed up into one row there.
-- One row, because a query's rows would come to the task to be looked at; half-open, so that the index serves.
SELECT
    coalesce(avg((tokens_used IS NULL)::int), 0)::float AS share_without_tokens,
    coalesce(avg((cost_usd IS NULL)::int), 0)::float AS share_without_cost,
    coalesce(avg((cost_original_usd IS NULL)::int) FILTER (WHERE optimization_succeeded), 0)::float
        AS share_of_successes_without_original_cost,
    coalesce(min(tokens_used), 0) AS fewest_tokens,
    coalesce(max(tokens_used), 0) AS most_tokens,
    coalesce(min(least(cost_usd, cost_original_usd)), 0)::float AS lowest_cost_usd,
    coalesce(max(greatest(cost_usd, cost_original_usd)), 0)::float AS highest_cost_usd,
    coalesce(avg((person.id IS NULL AND deletion.user_id IS NULL)::int), 0)::float AS share_of_unknown_users,
    coalesce(extract(epoch FROM
        least(timestamp ':next_day', now() AT TIME ZONE 'UTC') - max(usage.created_at)) / 3600, 0)::float
        AS hours_since_newest_row
FROM token_usage_tracking AS usage
LEFT JOIN users AS person ON person.id = usage.user_id
LEFT JOIN user_deletion AS deletion ON deletion.user_id = usage.user_id
WHERE usage.created_at >= timestamp ':day' AND usage.created_at < timestamp ':next_day'
