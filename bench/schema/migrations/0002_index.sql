-- depends: 0001_column
-- transactional: false
-- kind: expand
-- runs_with: >=1.0.0

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_token_usage_agent ON token_usage_tracking(agent_name, created_at);
