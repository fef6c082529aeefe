-- kpi: websocket_delivery_percent
-- Formula:    100 * events delivered / events owed to clients that stayed to the end.
-- Grain:      per day and dimension but model.
-- Unit:       percent, rounded half away from zero at six decimals.
-- Over days:  sum of numerators / sum of denominators.
-- Source:     totals of the day's events.
-- Edge cases: NULL without watched optimizations.
SELECT
    {day:Date}, 'websocket_delivery_percent', dim,
    if(events_owed = 0, NULL, round(divideDecimal(toDecimal128(events_delivered * 100, 6), toDecimal128(greatest(events_owed, 1), 6), 12), 6)),
    events_delivered, events_owed, deliveries, 'percent', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ event_totals }}
