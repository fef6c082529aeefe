-- What the source says it sent comes as one text. Nothing is kept in this table, and so nothing is lost.
ALTER TABLE usage_arrival{{ on_cluster }} ADD COLUMN IF NOT EXISTS trailer Nullable(String);
ALTER TABLE usage_arrival{{ on_cluster }} DROP COLUMN IF EXISTS control_rows;
ALTER TABLE usage_arrival{{ on_cluster }} DROP COLUMN IF EXISTS control_cost_usd;
ALTER TABLE usage_arrival{{ on_cluster }} DROP COLUMN IF EXISTS control_cost_original_usd;
ALTER TABLE usage_arrival{{ on_cluster }} DROP COLUMN IF EXISTS control_hash;
