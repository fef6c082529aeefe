-- kpi: cost_feature_users_7d
-- Formula:    users who looked at their costs or set a budget on one of the 7 days up to as_of.
-- Grain:      per day, 'all'.
-- Unit:       users, counted exactly.
-- Over days:  the newest day.
-- Source:     event_fact; the days are those of kpi_daily.
-- Edge cases: days that are not published are missing from it. Users who asked to be forgotten count as one.
SELECT
    published.as_of AS as_of, 'cost_feature_users_7d' AS kpi, 'all' AS dim,
    toDecimal128(uniqExactIf(use.user_id, use.uses > 0) AS users, 6) AS value, NULL AS numerator, NULL AS denominator,
    users AS n, 'users' AS unit, 1 AS definition_version, any(published.run_id) AS run_id, any(published.published_at) AS published_at
FROM (SELECT as_of, run_id, published_at FROM kpi_daily WHERE kpi = 'requests' AND dim = 'all') AS published
LEFT JOIN
(
    SELECT day + arrayJoin(range(7)) AS as_of, user_id, count() AS uses
    FROM event_fact
    WHERE source = 'cost_feature'
    GROUP BY as_of, user_id
) AS use ON use.as_of = published.as_of
GROUP BY published.as_of
