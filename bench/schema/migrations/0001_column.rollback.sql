ALTER TABLE token_usage_tracking DROP COLUMN tokens_saved;
