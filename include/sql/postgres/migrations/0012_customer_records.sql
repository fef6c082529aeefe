-- depends: 0011_product_events
-- kind: expand
-- runs_with: >=1.0.0
-- What billing, support and sales note about customers. Times are UTC; no row holds a name, an address or free text.

-- The plan and the monthly recurring revenue of a user from occurred_at on; a cancellation leaves 'free' and 0.
CREATE TABLE IF NOT EXISTS subscription_event (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('started', 'changed', 'cancelled')),
    plan VARCHAR(32) NOT NULL,
    mrr_usd NUMERIC(12,2) NOT NULL CHECK (mrr_usd >= 0),
    occurred_at TIMESTAMP NOT NULL
);

CREATE INDEX IF NOT EXISTS idx_subscription_event_user ON subscription_event(user_id, occurred_at);
CREATE INDEX IF NOT EXISTS idx_subscription_event_occurred_at ON subscription_event(occurred_at);

CREATE TABLE IF NOT EXISTS satisfaction_answer (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    topic VARCHAR(64) NOT NULL,
    score SMALLINT NOT NULL CHECK (score BETWEEN 1 AND 5),
    created_at TIMESTAMP NOT NULL
);

CREATE INDEX IF NOT EXISTS idx_satisfaction_answer_created_at ON satisfaction_answer(created_at);

CREATE TABLE IF NOT EXISTS enterprise_enquiry (
    id UUID PRIMARY KEY,
    user_id UUID,
    source VARCHAR(64) NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE INDEX IF NOT EXISTS idx_enterprise_enquiry_created_at ON enterprise_enquiry(created_at);

-- A user who asked to be forgotten. Whatever is derived from the product must forget them too.
CREATE TABLE IF NOT EXISTS user_deletion (
    user_id UUID PRIMARY KEY,
    deleted_at TIMESTAMP NOT NULL
);
