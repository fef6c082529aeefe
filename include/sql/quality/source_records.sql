-- What the expectations of source_records look at: values of other days, or of no day, that the rollup reads past with a
-- default. Summed up into one row in PostgreSQL. What is on the day itself is in source_usage and source_events.
SELECT *
FROM (
    SELECT
        count(*) FILTER (WHERE created_at < '1970-01-01Z' OR created_at >= '2149-06-07Z') AS users_created_at,
        count(*) FILTER (WHERE converted_at < '1970-01-01Z' OR converted_at >= '2149-06-07Z') AS users_converted_at,
        count(*) FILTER (WHERE length(plan) > 255) AS users_plan_long,
        count(*) FILTER (WHERE strpos(plan, '\u0000') > 0) AS users_plan_with_nul
    FROM users
) AS person, (
    SELECT
        count(*) FILTER (WHERE NOT mrr_usd < 'infinity') AS subscription_event_mrr_usd,
        count(*) FILTER (WHERE mrr_usd < 'infinity' AND (plan = 'free') <> (mrr_usd = 0)) AS subscription_event_wrong_price
    FROM subscription_event
    WHERE occurred_at < timestamp {{ day }} OR occurred_at >= timestamp {{ next_day }}
) AS subscription, (
    SELECT
        count(*) FILTER (WHERE NOT usd_per_token < 'infinity'
            AND (effective_from < timestamp {{ day }} OR effective_from >= timestamp {{ next_day }}))
            AS token_price_usd_per_token,
        count(*) FILTER (WHERE effective_from < '1970-01-01' OR effective_from >= '2149-06-07') AS token_price_effective_from
    FROM token_price
) AS price, (
    SELECT
        count(created_at) AS token_usage_tracking_created_at,
        count(*) - count(created_at) AS token_usage_tracking_without_created_at
    FROM token_usage_tracking
    WHERE created_at < timestamp '1970-01-01' OR created_at >= timestamp '2149-06-07' OR created_at IS NULL
) AS usage, (
    SELECT
        count(*) FILTER (WHERE source = 'websocket') AS websocket_delivery_created_at,
        count(*) FILTER (WHERE source = 'budget_alert') AS budget_alert_created_at,
        count(*) FILTER (WHERE source = 'incident') AS platform_incident_created_at,
        count(*) FILTER (WHERE source = 'cost_feature') AS cost_feature_use_created_at,
        count(*) FILTER (WHERE source = 'satisfaction') AS satisfaction_answer_created_at,
        count(*) FILTER (WHERE source = 'enquiry') AS enterprise_enquiry_created_at,
        count(*) FILTER (WHERE source = 'subscription') AS subscription_event_occurred_at
    FROM kpi_event
    WHERE created_at < timestamp '1970-01-01' OR created_at >= timestamp '2149-06-07'
) AS event
