DROP TABLE IF EXISTS cost_feature_use;
DROP TABLE IF EXISTS platform_incident;
DROP TABLE IF EXISTS budget_alert;
DROP TABLE IF EXISTS websocket_delivery;
