-- kpi: session_isolation_breaches
-- Formula:    answers that carried, or would have carried, another user's session.
-- Grain:      per day and dimension but model.
-- Unit:       incidents
-- Over days:  sum.
-- Source:     totals of the day's events.
-- Edge cases: 0 is the only good value; a withheld answer counts too.
SELECT
    {day:Date}, 'session_isolation_breaches', dim,
    isolation_breaches,
    NULL, NULL, isolation_breaches, 'incidents', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ event_totals }}
