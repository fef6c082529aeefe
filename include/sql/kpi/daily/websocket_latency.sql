-- kpi: websocket_latency_p95_ms
-- Formula:    95th percentile over the watched optimizations of their slowest event, from its time stamp to its being
--             sent; both by the backend's clock.
-- Grain:      per day and dimension but model.
-- Unit:       milliseconds
-- Over days:  not to be combined.
-- Source:     totals of the day's events.
-- Edge cases: NULL without watched optimizations.
SELECT
    {day:Date}, 'websocket_latency_p95_ms', dim,
    slowest_p95_ms,
    NULL, NULL, deliveries, 'ms', 1, {run_id:String}, {published_at:DateTime64(3)}
FROM {{ event_totals }}
