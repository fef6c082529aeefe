-- kpi: enterprise_enquiries
-- Formula:    enquiries about an enterprise contract.
-- Grain:      per day; the dimensions are all and the user's plan at the end of the day.
-- Unit:       enquiries
-- Over days:  sum.
-- Source:     totals of the day's events.
-- Edge cases: one of somebody who is no user yet has plan 'unknown'.
SELECT
    {day:Date}, 'enterprise_enquiries', dim,
    enquiries,
    NULL, NULL, enquiries, 'enquiries', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ event_totals }}
WHERE dim = 'all' OR startsWith(dim, 'plan=')
