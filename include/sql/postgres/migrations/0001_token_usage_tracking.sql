-- kind: expand
-- runs_with: >=1.0.0
-- Token usage per request, as the deployment strategy defines it. created_at is UTC.

CREATE TABLE IF NOT EXISTS token_usage_tracking (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    session_key VARCHAR(255) NOT NULL,
    agent_name VARCHAR(255),
    tokens_used INTEGER,
    cost_usd DECIMAL(10,6),
    optimization_applied BOOLEAN DEFAULT FALSE,
    created_at TIMESTAMP DEFAULT NOW()
);

CREATE INDEX IF NOT EXISTS idx_token_usage_user_date
ON token_usage_tracking(user_id, created_at);
