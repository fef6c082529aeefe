-- kpi: free_to_paid_conversions
-- Formula:    users whose converted_at lies in [day, day + 1) UTC.
-- Grain:      per day; the dimensions are all and the user's plan at the end of the day.
-- Unit:       users
-- Over days:  sum.
-- Source:     totals of the day's events.
-- Edge cases: 0 on a day without conversions ('all' only). It counts conversions, and does not say why they happened.
SELECT
    {day:Date}, 'free_to_paid_conversions', dim,
    conversions,
    NULL, NULL, conversions, 'users', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ event_totals }}
WHERE dim = 'all' OR startsWith(dim, 'plan=')
