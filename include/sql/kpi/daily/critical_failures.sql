-- kpi: critical_failures
-- Formula:    incidents of severity critical; breaches of session isolation are among them.
-- Grain:      per day and dimension but model.
-- Unit:       incidents
-- Over days:  sum.
-- Source:     totals of the day's events.
-- Edge cases: what kept the backend from writing at all is not in here, but in its metrics.
SELECT
    {day:Date}, 'critical_failures', dim,
    critical_incidents,
    NULL, NULL, critical_incidents, 'incidents', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ event_totals }}
