-- depends: 0013_kpi_event
-- kind: expand
-- runs_with: >=1.0.0
-- What PostgreSQL takes and the warehouse does not: NaN and infinity among amounts, and times outside 1970 to 2149. Rows that
-- are there stay unchecked (NOT VALID), so that an old one fails no release; the rollup's quality check names them.

ALTER TABLE token_usage_tracking
    ADD CONSTRAINT token_usage_tracking_cost_usd_finite CHECK (cost_usd < 'infinity') NOT VALID,
    ADD CONSTRAINT token_usage_tracking_cost_original_usd_finite CHECK (cost_original_usd < 'infinity') NOT VALID,
    ADD CONSTRAINT token_usage_tracking_created_at_storable CHECK (created_at >= '1970-01-01' AND created_at < '2149-06-07') NOT VALID;

ALTER TABLE token_price
    ADD CONSTRAINT token_price_usd_per_token_finite CHECK (usd_per_token < 'infinity') NOT VALID,
    ADD CONSTRAINT token_price_effective_from_storable CHECK (effective_from >= '1970-01-01' AND effective_from < '2149-06-07') NOT VALID;

ALTER TABLE websocket_delivery
    ADD CONSTRAINT websocket_delivery_slowest_ms_finite CHECK (slowest_ms < 'infinity') NOT VALID,
    ADD CONSTRAINT websocket_delivery_created_at_storable CHECK (created_at >= '1970-01-01' AND created_at < '2149-06-07') NOT VALID;

ALTER TABLE budget_alert
    ADD CONSTRAINT budget_alert_spent_usd_finite CHECK (spent_usd < 'infinity') NOT VALID,
    ADD CONSTRAINT budget_alert_created_at_storable CHECK (created_at >= '1970-01-01' AND created_at < '2149-06-07') NOT VALID;

ALTER TABLE platform_incident
    ADD CONSTRAINT platform_incident_created_at_storable CHECK (created_at >= '1970-01-01' AND created_at < '2149-06-07') NOT VALID;

ALTER TABLE cost_feature_use
    ADD CONSTRAINT cost_feature_use_created_at_storable CHECK (created_at >= '1970-01-01' AND created_at < '2149-06-07') NOT VALID;

ALTER TABLE subscription_event
    ADD CONSTRAINT subscription_event_mrr_usd_finite CHECK (mrr_usd < 'infinity') NOT VALID,
    ADD CONSTRAINT subscription_event_occurred_at_storable CHECK (occurred_at >= '1970-01-01' AND occurred_at < '2149-06-07') NOT VALID;

ALTER TABLE satisfaction_answer
    ADD CONSTRAINT satisfaction_answer_created_at_storable CHECK (created_at >= '1970-01-01' AND created_at < '2149-06-07') NOT VALID;

ALTER TABLE enterprise_enquiry
    ADD CONSTRAINT enterprise_enquiry_created_at_storable CHECK (created_at >= '1970-01-01' AND created_at < '2149-06-07') NOT VALID;
