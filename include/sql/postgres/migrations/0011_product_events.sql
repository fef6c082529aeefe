-- depends: 0010_token_price
-- kind: expand
-- runs_with: >=1.0.0
-- What the backend notes beside the usage itself. Every created_at is UTC; no row holds a prompt.

-- One row per optimization that a client watched: events owed and delivered, and how long the slowest took.
CREATE TABLE IF NOT EXISTS websocket_delivery (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    revision VARCHAR(128) NOT NULL,
    events_owed INTEGER NOT NULL,
    events_delivered INTEGER NOT NULL,
    slowest_ms NUMERIC(12,3),
    created_at TIMESTAMP NOT NULL
);

CREATE INDEX IF NOT EXISTS idx_websocket_delivery_created_at ON websocket_delivery(created_at);

CREATE TABLE IF NOT EXISTS budget_alert (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    revision VARCHAR(128) NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('low', 'medium', 'high', 'exceeded')),
    spent_usd NUMERIC(12,6) NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE INDEX IF NOT EXISTS idx_budget_alert_created_at ON budget_alert(created_at);

-- What must not happen: kind says what, severity whether it counts as a critical failure.
CREATE TABLE IF NOT EXISTS platform_incident (
    id UUID PRIMARY KEY,
    user_id UUID,
    revision VARCHAR(128) NOT NULL,
    kind VARCHAR(64) NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('warning', 'critical')),
    created_at TIMESTAMP NOT NULL
);

CREATE INDEX IF NOT EXISTS idx_platform_incident_created_at ON platform_incident(created_at);

-- A user looked at their costs or set a budget.
CREATE TABLE IF NOT EXISTS cost_feature_use (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    revision VARCHAR(128) NOT NULL,
    feature VARCHAR(32) NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE INDEX IF NOT EXISTS idx_cost_feature_use_created_at ON cost_feature_use(created_at);
