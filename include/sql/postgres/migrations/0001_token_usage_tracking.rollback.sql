DROP TABLE IF EXISTS token_usage_tracking;
