-- kpi: budget_alerts
-- Formula:    alerts raised: a user reached a level, or had spent the budget.
-- Grain:      per day and dimension but model.
-- Unit:       alerts
-- Over days:  sum.
-- Source:     totals of the day's events.
-- Edge cases: a level reached on two instances at once is two alerts.
SELECT
    {day:Date}, 'budget_alerts', dim,
    budget_alerts,
    NULL, NULL, budget_alerts, 'alerts', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ event_totals }}
