-- kpi: cost_feature_users
-- Formula:    users who looked at their costs or set a budget: the active users of cost tracking.
-- Grain:      per day and dimension but model.
-- Unit:       users, counted exactly.
-- Over days:  not to be combined.
-- Source:     totals of the day's events.
-- Edge cases: dimensions do not add up; days do not either, see cost_feature_users_7d.
SELECT
    {day:Date}, 'cost_feature_users', dim,
    feature_users,
    NULL, NULL, feature_users, 'users', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ event_totals }}
