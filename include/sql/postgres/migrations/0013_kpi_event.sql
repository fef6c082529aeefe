-- depends: 0012_customer_records
-- kind: expand
-- runs_with: >=1.0.0
-- Everything but the usage that the daily rollup reads, in one shape: read in one statement, it is one snapshot.
-- A filter on created_at reaches the index of every table. quantity and of_quantity are counts or a score,
-- amount is milliseconds or USD; what each means is said where they are added up.

CREATE OR REPLACE VIEW kpi_event AS
SELECT 'websocket' AS source, id, user_id, revision::text AS revision, NULL::text AS kind,
    events_delivered AS quantity, events_owed AS of_quantity, slowest_ms::numeric(18,6) AS amount, created_at
FROM websocket_delivery
UNION ALL
SELECT 'budget_alert', id, user_id, revision::text, level::text, NULL::integer, NULL::integer,
    spent_usd::numeric(18,6), created_at
FROM budget_alert
UNION ALL
SELECT 'incident', id, user_id, revision::text, kind::text, (severity = 'critical')::integer, NULL::integer,
    NULL::numeric(18,6), created_at
FROM platform_incident
UNION ALL
SELECT 'cost_feature', id, user_id, revision::text, feature::text, NULL::integer, NULL::integer,
    NULL::numeric(18,6), created_at
FROM cost_feature_use
UNION ALL
SELECT 'satisfaction', id, user_id, NULL::text, topic::text, score::integer, NULL::integer, NULL::numeric(18,6),
    created_at
FROM satisfaction_answer
UNION ALL
SELECT 'enquiry', id, user_id, NULL::text, source::text, NULL::integer, NULL::integer, NULL::numeric(18,6),
    created_at
FROM enterprise_enquiry
UNION ALL
SELECT 'subscription', id, user_id, NULL::text, kind::text, NULL::integer, NULL::integer, mrr_usd::numeric(18,6),
    occurred_at
FROM subscription_event;
