-- kpi: free_to_paid_conversions
-- Formula:    users whose converted_at lies in [day, day + 1) UTC.
-- Grain:      per day; the dimensions are all and the plan they are on now.
-- Unit:       users
-- Source:     this run's extract of the users.
-- Edge cases: 0 on a day without conversions ('all' only). It counts conversions, and does not say why they happened.
INSERT INTO {kpi_daily:Identifier}
SELECT
    {day:Date}, 'free_to_paid_conversions', dim, count(), NULL, NULL, count(), 'users', 1,
    {run_id:String}, {published_at:DateTime64(3)}
FROM
(
    SELECT arrayJoin(['all', concat('plan=', plan)]) AS dim
    FROM {person_extract:Identifier}
    WHERE toDate(converted_at, 'UTC') = {day:Date}
)
GROUP BY dim
UNION ALL
SELECT
    {day:Date}, 'free_to_paid_conversions', 'all', 0, NULL, NULL, 0, 'users', 1,
    {run_id:String}, {published_at:DateTime64(3)}
WHERE (SELECT count() FROM {person_extract:Identifier} WHERE toDate(converted_at, 'UTC') = {day:Date}) = 0
