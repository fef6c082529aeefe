-- What the expectations of source_events look at: the day's events and the records around them, summed up into one row
-- in PostgreSQL.
SELECT
    count(*) AS events,
    count(*) FILTER (WHERE source = 'websocket' AND (quantity < 0 OR quantity > of_quantity)) AS impossible_deliveries,
    coalesce(min(amount), 0)::float AS lowest_amount,
    (SELECT count(*) FROM subscription_event
        WHERE occurred_at >= timestamp {{ day }} AND occurred_at < timestamp {{ next_day }}
        AND (plan = 'free') <> (mrr_usd = 0)) AS subscriptions_with_a_wrong_price,
    (SELECT count(*) FROM (
        SELECT model FROM token_usage_tracking
        WHERE created_at >= timestamp {{ day }} AND created_at < timestamp {{ next_day }} AND model IS NOT NULL
        GROUP BY model
        EXCEPT
        SELECT model FROM token_price WHERE effective_from < timestamp {{ next_day }}
    ) AS unpriced) AS models_without_a_price,
    (SELECT count(*) FROM token_price WHERE effective_from >= timestamp {{ day }}
        AND effective_from < timestamp {{ next_day }} AND NOT usd_per_token < 'infinity') AS prices_not_finite,
    count(*) FILTER (WHERE source = 'websocket' AND NOT amount < 'infinity') AS latencies_not_finite,
    count(*) FILTER (WHERE source = 'budget_alert' AND NOT amount < 'infinity') AS spendings_not_finite,
    count(*) FILTER (WHERE source = 'subscription' AND NOT amount < 'infinity') AS revenues_not_finite
FROM kpi_event
WHERE created_at >= timestamp {{ day }} AND created_at < timestamp {{ next_day }}
