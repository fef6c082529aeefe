-- The day's events, counted per dimension: all, each revision, plan, release, and each side of a release's phases.
-- Formula:    events owed and delivered: of watched optimizations; slowest P95: the value that 95 % of the deliveries'
--             slowest events stay under (the element of rank floor(0.95 n) of the sorted values, from 0);
--             users at their limit: on a plan below enterprise, with an alert 'exceeded' and without a cancellation on
--             the day; engaged: users of a cost feature who also had a request; satisfied: answers of 4 or 5.
-- Grain:      one row per dimension.
-- Source:     this run's events and usage, summed up.
-- Edge cases: on a day without events 'all' is there with zeros. Users who asked to be forgotten (user 0) count as one.
INSERT INTO {{ event_totals }}
WITH
    (SELECT groupUniqArray(user_id) FROM {{ event_fact }} WHERE source = 'subscription' AND kind = 'cancelled') AS cancelled,
    event AS
    (
        SELECT
            *,
            arrayJoin(arrayFilter(name -> name != '', [
                'all',
                if(revision = '', '', concat('revision=', revision)),
                concat('plan=', plan),
                if(version = '', '', concat('release=', version)),
                if(phase = '', '', concat('phase=', release, '/', phase, '/', arm))
            ])) AS dim
        FROM {{ event_fact }}
    )
SELECT
    dim,
    sumIf(toUInt64(ifNull(of_quantity, 0)), source = 'websocket'),
    sumIf(toUInt64(ifNull(quantity, 0)), source = 'websocket'),
    countIf(source = 'websocket' AND amount IS NOT NULL) AS deliveries,
    if(deliveries = 0, NULL, quantileExactIf(0.95)(amount, source = 'websocket')),
    countIf(source = 'budget_alert'),
    countIf(source = 'incident' AND kind = 'session_isolation_breach'),
    countIf(source = 'incident' AND quantity = 1),
    uniqExactIf(user_id, source = 'cost_feature'),
    uniqExactIf(user_id, source = 'cost_feature' AND user_id IN (SELECT user_id FROM {{ usage_cell }})),
    uniqExactIf(user_id, source = 'budget_alert' AND kind = 'exceeded' AND plan != 'enterprise' AND NOT has(cancelled, user_id)),
    countIf(source = 'satisfaction'),
    countIf(source = 'satisfaction' AND quantity >= 4),
    countIf(source = 'enquiry'),
    countIf(source = 'conversion')
FROM event
GROUP BY dim
UNION ALL
SELECT 'all', 0, 0, 0, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
WHERE (SELECT count() FROM {{ event_fact }}) = 0
