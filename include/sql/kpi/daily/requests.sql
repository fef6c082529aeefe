-- kpi: requests
-- Formula:    number of requests that cost tracking recorded.
-- Grain:      per day and dimension.
-- Unit:       requests
-- Over days:  sum.
-- Source:     totals of the day's facts.
-- Edge cases: 0 on a day without requests.
SELECT
    {day:Date}, 'requests', dim, requests, NULL, NULL, requests, 'requests', 1,
    {run_id:String}, {published_at:DateTime64(3)}
FROM {{ usage_totals }}
