-- kpi: upsell_opportunities
-- Formula:    users on a plan below enterprise who spent their budget on the day and did not cancel on it.
-- Grain:      per day; the dimensions are all and the user's plan at the end of the day.
-- Unit:       users, counted exactly.
-- Over days:  not to be combined.
-- Source:     totals of the day's events.
-- Edge cases: a user is one opportunity, however many alerts there were.
SELECT
    {day:Date}, 'upsell_opportunities', dim,
    users_at_limit,
    NULL, NULL, users_at_limit, 'users', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ event_totals }}
WHERE dim = 'all' OR startsWith(dim, 'plan=')
