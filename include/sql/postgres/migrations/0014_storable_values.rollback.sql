ALTER TABLE token_usage_tracking
    DROP CONSTRAINT IF EXISTS token_usage_tracking_cost_usd_finite,
    DROP CONSTRAINT IF EXISTS token_usage_tracking_cost_original_usd_finite,
    DROP CONSTRAINT IF EXISTS token_usage_tracking_created_at_storable;
ALTER TABLE token_price
    DROP CONSTRAINT IF EXISTS token_price_usd_per_token_finite,
    DROP CONSTRAINT IF EXISTS token_price_effective_from_storable;
ALTER TABLE websocket_delivery
    DROP CONSTRAINT IF EXISTS websocket_delivery_slowest_ms_finite,
    DROP CONSTRAINT IF EXISTS websocket_delivery_created_at_storable;
ALTER TABLE budget_alert
    DROP CONSTRAINT IF EXISTS budget_alert_spent_usd_finite,
    DROP CONSTRAINT IF EXISTS budget_alert_created_at_storable;
ALTER TABLE platform_incident
    DROP CONSTRAINT IF EXISTS platform_incident_created_at_storable;
ALTER TABLE cost_feature_use
    DROP CONSTRAINT IF EXISTS cost_feature_use_created_at_storable;
ALTER TABLE subscription_event
    DROP CONSTRAINT IF EXISTS subscription_event_mrr_usd_finite,
    DROP CONSTRAINT IF EXISTS subscription_event_occurred_at_storable;
ALTER TABLE satisfaction_answer
    DROP CONSTRAINT IF EXISTS satisfaction_answer_created_at_storable;
ALTER TABLE enterprise_enquiry
    DROP CONSTRAINT IF EXISTS enterprise_enquiry_created_at_storable;
