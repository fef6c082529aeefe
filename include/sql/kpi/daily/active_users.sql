-- kpi: active_users
-- Formula:    users with at least one request that cost tracking recorded.
-- Grain:      per day and dimension.
-- Unit:       users, counted exactly.
-- Over days:  not to be combined.
-- Source:     totals of the day's facts.
-- Edge cases: dimensions do not add up: a user may meet two revisions or models in a day.
SELECT
    {day:Date}, 'active_users', dim, users, NULL, NULL, requests, 'users', 1,
    {run_id:String}, {published_at:DateTime64(3)}
FROM {{ usage_totals }}
